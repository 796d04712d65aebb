package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pileus"
	"pileus/chainspec"
	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
)

// rpcFlags are a node's flags of the JSON-RPC server.
type rpcFlags struct {
	port, relayPort            int
	external                   bool
	methods                    string
	cors                       string
	maxConnections, maxRequest int
	rateLimit                  int
}

// rpcService serves the parachain and, on a port of its own, the relay chain.
func rpcService() service {
	r := &rpcFlags{}
	return service{
		flags: func(cmd *cobra.Command, _ *devFlags) {
			flags := cmd.Flags()
			flags.IntVar(&r.port, "rpc-port", 9944, "of JSON-RPC over HTTP and WebSocket; 0: any free port")
			flags.IntVar(&r.relayPort, "relay-rpc-port", 9945, "of the relay chain's JSON-RPC; 0: any free port, -1: none")
			flags.BoolVar(&r.external, "rpc-external", false, "listen on all interfaces, not just this machine's own")
			flags.StringVar(&r.methods, "rpc-methods", "auto", "safe, unsafe, or auto: unsafe unless --rpc-external")
			flags.StringVar(&r.cors, "rpc-cors", "all", "origins of web pages that may call, separated by commas, or all")
			flags.IntVar(&r.maxConnections, "rpc-max-connections", 100, "connections at once")
			flags.IntVar(&r.maxRequest, "rpc-max-request-size", 15, "MiB, of a request and of a response")
			flags.IntVar(&r.rateLimit, "rpc-rate-limit", 0, "calls per minute and connection; 0: any number")
		},
		start: r.start,
	}
}

func (r *rpcFlags) start(ctx context.Context, n *dev.Node, f *devFlags) (says [][2]string, stop func() error, err error) {
	o, err := r.options()
	if err != nil {
		return nil, nil, err
	}
	o.Observe = counted(&f.metrics.RPC)
	info, err := rpcInfo(n)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var open []chan error
	stop = func() error {
		cancel()
		var errs []error
		for _, done := range open {
			errs = append(errs, <-done)
		}
		return errors.Join(errs...)
	}
	listen := func(name, flag string, port int, m *jsonrpc.Methods) error {
		l, err := r.listen(port, flag)
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- jsonrpc.NewServer(m, o).Serve(ctx, l) }()
		open = append(open, done)
		says = append(says, [2]string{name, "ws://" + shown(l.Addr()) + " and http"})
		return nil
	}
	para := rpc.Para(n, info)
	rpc.AddControl(para, n)
	if err := listen("JSON-RPC", "--rpc-port", r.port, para); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	if r.relayPort >= 0 {
		info := rpc.Info{Name: info.Name, Version: info.Version, Chain: "Embedded relay chain", ChainType: "Development"}
		if err := listen("relay JSON-RPC", "--relay-rpc-port", r.relayPort, rpc.Relay(n, info)); err != nil {
			return nil, nil, errors.Join(err, stop())
		}
	}
	return says, stop, nil
}

func (r *rpcFlags) options() (o jsonrpc.Options, err error) {
	switch r.methods {
	case "auto":
		o.Unsafe = !r.external
	case "safe", "unsafe":
		o.Unsafe = r.methods == "unsafe"
	default:
		return o, usageError{fmt.Errorf("--rpc-methods %q: choose auto, safe or unsafe", r.methods)}
	}
	if r.maxConnections < 1 || r.maxRequest < 1 || r.maxRequest > 1024 || r.rateLimit < 0 {
		return o, usageError{errors.New("a limit of JSON-RPC is out of range")}
	}
	o.MaxConnections, o.RateLimit = r.maxConnections, r.rateLimit
	o.MaxRequest, o.MaxResponse = r.maxRequest<<20, r.maxRequest<<20
	o.Health = rpc.Health
	o.Origins = jsonrpc.AllOrigins
	if r.cors != "all" {
		o.Origins = strings.Split(r.cors, ",")
	}
	return o, nil
}

func (r *rpcFlags) listen(port int, flag string) (net.Listener, error) {
	host := "127.0.0.1"
	if r.external {
		host = ""
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("JSON-RPC: %w (%s 0 takes any free port)", err, flag)
	}
	return l, nil
}

// shown is an address to connect to.
func shown(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return a.String()
}

// rpcInfo is what clients are told of the chain: what its chain spec says, else that of a
// development chain.
func rpcInfo(n *dev.Node) (rpc.Info, error) {
	info := rpc.Info{Name: "Pileus", Version: pileus.Version, Chain: n.Chain().Name, ChainType: "Development",
		Properties: map[string]any{"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}}
	info.Genesis = n.Chain().GenesisHash
	if live := n.Chain().Properties; live != nil {
		info.Properties = live
	}
	path := n.Config().Settings.Chain
	if path == "" {
		return info, nil
	}
	spec, err := chainspec.Load(path)
	if err != nil {
		return info, err
	}
	info.ChainType, info.Properties = spec.ChainType, map[string]any{}
	p := spec.Properties()
	if p.SS58Format != nil {
		info.Properties["ss58Format"] = *p.SS58Format
	}
	if len(p.TokenDecimals) > 0 {
		decimals := make([]int, len(p.TokenDecimals))
		for i, d := range p.TokenDecimals {
			decimals[i] = int(d)
		}
		info.Properties["tokenDecimals"] = oneOrAll(decimals)
	}
	if len(p.TokenSymbol) > 0 {
		info.Properties["tokenSymbol"] = oneOrAll(p.TokenSymbol)
	}
	return info, nil
}

func oneOrAll[T any](list []T) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}
