package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pileus"
	"pileus/dev"
	"pileus/dev/dashboard"
	"pileus/dev/metrics"
	"pileus/dev/rpc/jsonrpc"
)

// pageFlags say where a server of pages listens. The zero port is any free one.
type pageFlags struct {
	port     uint16
	off      bool
	external bool
}

func (p *pageFlags) add(cmd *cobra.Command, name, what string, port uint16) {
	flags := cmd.Flags()
	flags.Uint16Var(&p.port, name+"-port", port, "port of "+what+"; 0: any")
	flags.BoolVar(&p.off, "no-"+name, false, "do not serve "+what)
	flags.BoolVar(&p.external, name+"-external", false, "serve "+what+" to other machines too")
}

// metricsService serves what Prometheus asks for, where nodes do.
func metricsService() service {
	var p pageFlags
	return service{
		flags: func(cmd *cobra.Command, _ *devFlags) { p.add(cmd, "prometheus", "metrics for Prometheus", 9615) },
		start: func(_ context.Context, _ *dev.Node, f *devFlags) ([][2]string, func() error, error) {
			if p.off {
				return nil, noStop, nil
			}
			url, stop, err := p.serve("prometheus", f.metrics.Handler())
			return [][2]string{{"metrics", url + "/metrics"}}, stop, err
		},
	}
}

// newMetrics are the metrics of a node, which count from now on.
func newMetrics(ctx context.Context, n *dev.Node) (*metrics.Set, error) {
	c := n.Chain()
	m := metrics.New(metrics.Node{Chain: c.Name, Para: c.ParaID, Name: "Pileus", Version: pileus.Version,
		Leaves: func() float64 { return float64(len(n.Para().Leaves())) },
		Ready:  func() float64 { return float64(statusOf(ctx, n).Pool.Ready) },
		Speed:  func() float64 { return statusOf(ctx, n).Speed() },
	})
	if err := n.OnLate(ctx, m.Late); err != nil {
		return nil, err
	}
	go n.Follow(ctx, m)
	return m, nil
}

// statusOf asks the node how it does; a scrape does not wait long for it.
func statusOf(ctx context.Context, n *dev.Node) dev.Status {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := n.Status(ctx)
	if err != nil {
		return dev.Status{Paused: true}
	}
	return s
}

// counted counts what the JSON-RPC server tells of sessions and calls.
func counted(rpc *metrics.RPC) func(jsonrpc.Observed) {
	return func(o jsonrpc.Observed) {
		protocol := "http"
		if o.WebSocket {
			protocol = "ws"
		}
		switch {
		case o.Method != "":
			rpc.Call(protocol, o.Method, o.Took, o.Err != nil)
		case o.Opened:
			rpc.SessionOpened()
		default:
			rpc.SessionClosed(o.Took)
		}
	}
}

// dashboardService shows the network as a page.
func dashboardService() service {
	var p pageFlags
	return service{
		flags: func(cmd *cobra.Command, _ *devFlags) { p.add(cmd, "dashboard", "the dashboard", 9950) },
		start: func(ctx context.Context, n *dev.Node, f *devFlags) ([][2]string, func() error, error) {
			if p.off {
				return nil, noStop, nil
			}
			var links []dashboard.Link
			for _, s := range f.said {
				links = append(links, dashboard.Link{Name: s[0], URL: s[1]})
			}
			board := dashboard.New(links...)
			go board.Show(ctx, n)
			url, stop, err := p.serve("dashboard", board.Handler())
			if err != nil {
				return nil, nil, err
			}
			return [][2]string{{"dashboard", url}}, func() error { board.Close(); return stop() }, nil
		},
	}
}

func noStop() error { return nil }

// maxPageConnections bounds the open connections of each server of pages.
const maxPageConnections = 256

// serve serves pages and says where. On this machine alone it answers only to the machine's
// own names, so that no page of another host can read it under a name that leads here.
func (p *pageFlags) serve(name string, pages http.Handler) (url string, stop func() error, err error) {
	host := "127.0.0.1"
	if p.external {
		host = ""
	} else {
		pages = onlyLocalNames(pages)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(p.port))))
	if err != nil {
		return "", nil, fmt.Errorf("serve the %s: %w; choose another port with --%s-port, or --no-%s", name, err, name, name)
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(&boundedListener{l, make(chan bool, maxPageConnections)}) }()
	stop = func() error {
		err := server.Close()
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "http://" + net.JoinHostPort("127.0.0.1", port), stop, nil
}

func onlyLocalNames(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		switch strings.Trim(host, "[]") {
		case "localhost", "127.0.0.1", "::1":
			pages.ServeHTTP(w, r)
		default:
			http.Error(w, "this address is for this machine alone", http.StatusForbidden)
		}
	})
}

// boundedListener has no more than so many open connections; others wait.
type boundedListener struct {
	net.Listener
	open chan bool
}

func (l *boundedListener) Accept() (net.Conn, error) {
	l.open <- true
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.open
		return nil, err
	}
	return &boundedConn{Conn: c, release: func() { <-l.open }}, nil
}

type boundedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *boundedConn) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}
