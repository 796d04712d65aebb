package jsonrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Options are the limits and manners of a server. Zero values stand for the defaults.
type Options struct {
	MaxRequest       int // bytes of a message; 15 MiB
	MaxResponse      int // bytes; 15 MiB
	MaxConnections   int // 100
	MaxSubscriptions int // per connection; 1024
	Buffer           int // messages waiting to be written, per connection; 64
	MaxBatch         int // items; 0: any number, negative: no batches
	RateLimit        int // calls per minute and connection; 0: any number
	Parallel         int // messages at work at once, per connection; 32
	MaxIdle          int // sockets on which nothing is asked; 512

	PingEvery time.Duration // 30 s
	Silence   time.Duration // after which a client that gives no sign of life is closed; 60 s

	// Unsafe allows unsafe methods.
	Unsafe bool
	// Origins are those of web pages that may call, such as https://polkadot.js.org; a port
	// of * is any. A single * allows all and leaves out the check of Host. None: those of this machine and
	// https://polkadot.js.org.
	Origins []string
	// Hosts are the names, without port, under which the server may be called. None: those of this machine.
	Hosts []string

	// Health answers GET /health; ready is the answer of /health/readiness. nil: neither is served.
	Health func() (health any, ready bool, err error)
	// Observe is told of every call. nil: nobody is.
	Observe func(Observed)
	// Log takes what goes wrong in here; nil: nowhere.
	Log *slog.Logger
}

// Observed is the call of a method that has been answered, or, with an empty Method, a
// WebSocket session that was opened or closed.
type Observed struct {
	Method    string
	WebSocket bool
	Took      time.Duration // of a call, or of a session that was closed
	Err       error
	Opened    bool // of a session
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// AllOrigins allows every web page.
var AllOrigins = []string{"*"}

// Server answers clients with [Methods].
type Server struct {
	methods *Methods
	o       Options
	slots   chan struct{} // one for each connection
	ctx     context.Context
	stop    context.CancelFunc
	open    sync.WaitGroup
}

// NewServer returns a server. It serves as an [http.Handler] or by [Server.Serve].
func NewServer(m *Methods, o Options) *Server {
	or(&o.MaxRequest, 15<<20)
	or(&o.MaxResponse, 15<<20)
	or(&o.MaxConnections, 100)
	or(&o.MaxSubscriptions, 1024)
	or(&o.Buffer, 64)
	or(&o.Parallel, 32)
	or(&o.MaxIdle, 512)
	or(&o.PingEvery, 30*time.Second)
	or(&o.Silence, 60*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Origins == nil {
		o.Origins = []string{"http://localhost:*", "http://127.0.0.1:*", "https://localhost:*", "https://127.0.0.1:*", "https://polkadot.js.org"}
	}
	if o.Hosts == nil {
		o.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	s := &Server{methods: m, o: o, slots: make(chan struct{}, o.MaxConnections)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends all connections and waits for them.
func (s *Server) Close() {
	s.stop()
	s.open.Wait()
}

// Serve answers on a listener until the context ends or the listener fails. It closes the server.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	idle := &idle{max: s.o.MaxIdle}
	h := &http.Server{
		Handler: s, ConnState: idle.state, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: s.o.Silence, WriteTimeout: 5 * s.o.Silence, IdleTimeout: s.o.Silence,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		s.stop()
		h.Close()
	})
	defer stop()
	err := h.Serve(l)
	h.Close()
	s.Close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// idle knows the sockets on which nothing is asked at present, the oldest first.
type idle struct {
	mu   sync.Mutex
	list []net.Conn
	max  int
}

func (i *idle) state(c net.Conn, state http.ConnState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if at := slices.Index(i.list, c); at >= 0 {
		i.list = slices.Delete(i.list, at, at+1)
	}
	if state != http.StateNew && state != http.StateIdle {
		return
	}
	i.list = append(i.list, c)
	if len(i.list) > i.max {
		i.list[0].Close()
		i.list = slices.Delete(i.list, 0, 1)
	}
}

func (s *Server) observe(c *Conn, method string, took time.Duration, err error) {
	if s.o.Observe != nil {
		s.o.Observe(Observed{Method: method, WebSocket: c.ws != nil, Took: took, Err: err})
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.allowsHost(r.Host) {
		refuse(w, http.StatusForbidden, "Provided Host header is not whitelisted.")
		return
	}
	origin := r.Header.Get("Origin")
	if allowed := origin == "" || s.allowsOrigin(origin); allowed && origin != "" {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "POST, GET")
			h.Set("Access-Control-Allow-Headers", "content-type")
			return
		}
	} else if !allowed {
		refuse(w, http.StatusForbidden, "Origin is not allowed.")
		return
	}
	switch {
	case s.o.Health != nil && (r.URL.Path == "/health" || r.URL.Path == "/health/readiness"):
		s.health(w, r)
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		s.websocket(w, r)
	case r.Method != http.MethodPost:
		refuse(w, http.StatusMethodNotAllowed, "Used HTTP Method is not allowed. POST or OPTIONS is required.")
	case !isJSON(r.Header.Get("Content-Type")):
		refuse(w, http.StatusUnsupportedMediaType, "Supplied content type is not allowed. Content-Type: application/json is required.")
	default:
		s.post(w, r)
	}
}

func refuse(w http.ResponseWriter, code int, why string) { http.Error(w, why, code) }

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

func (s *Server) allowsHost(hostport string) bool {
	if slices.Equal(s.o.Origins, AllOrigins) {
		return true
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return slices.ContainsFunc(s.o.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

func (s *Server) allowsOrigin(origin string) bool {
	return slices.ContainsFunc(s.o.Origins, func(allowed string) bool {
		if allowed == "*" || strings.EqualFold(allowed, origin) {
			return true
		}
		base, any := strings.CutSuffix(allowed, ":*")
		u, err := url.Parse(origin)
		return any && err == nil && strings.EqualFold(base, u.Scheme+"://"+u.Hostname())
	})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusMethodNotAllowed, "GET is required.")
		return
	}
	health, ready, err := s.o.Health()
	body, marshalErr := json.Marshal(health)
	switch {
	case err != nil || marshalErr != nil:
		refuse(w, http.StatusInternalServerError, "The node does not tell its health.")
		return
	case strings.HasSuffix(r.URL.Path, "/readiness"):
		if !ready {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(body)
}

// enter takes a place for a connection; the function gives it back.
func (s *Server) enter(w http.ResponseWriter) (leave func(), ok bool) {
	select {
	case s.slots <- struct{}{}:
	default:
		refuse(w, http.StatusTooManyRequests, "Too many connections. Please try again later.")
		return nil, false
	}
	s.open.Add(1)
	return func() {
		<-s.slots
		s.open.Done()
	}, true
}

func (s *Server) conn(ctx context.Context, ws *websocket.Conn) *Conn {
	c := &Conn{
		server: s, ws: ws, unsafe: s.o.Unsafe, subs: map[string]*Subscription{},
		out:  newQueue(s.o.Buffer, s.o.MaxResponse),
		work: newGate(s.o.Parallel, s.o.MaxRequest),
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// post answers a request over HTTP.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.enter(w)
	if !ok {
		return
	}
	defer leave()
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(s.o.MaxRequest)+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "The request could not be read.")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if len(body) > s.o.MaxRequest {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		w.Write(failure(null, exceeds(CodeRequestTooBig, "Request is too big", s.o.MaxRequest)))
		return
	}
	c := s.conn(r.Context(), nil)
	defer context.AfterFunc(s.ctx, c.cancel)()
	answer, after := c.handle(c.ctx, body)
	w.Write(answer)
	for _, f := range after {
		f()
	}
	c.cancel()
	c.tasks.Wait()
}

// websocket serves a connection for as long as it lasts.
func (s *Server) websocket(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.enter(w)
	if !ok {
		return
	}
	defer leave()
	h := &hijacker{ResponseWriter: w}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin was looked at
	if err != nil {
		return
	}
	ws.SetReadLimit(-1) // Conn.read has its own
	defer ws.CloseNow()
	s.session(Observed{Opened: true})
	begin := time.Now()
	defer func() { s.session(Observed{Took: time.Since(begin)}) }()
	err = s.conn(s.ctx, ws).serve()
	switch {
	case errors.Is(err, errEndless):
		h.goodbye(ws, websocket.StatusMessageTooBig)
	case s.ctx.Err() != nil:
		h.goodbye(ws, websocket.StatusGoingAway)
	}
}

// hijacker remembers the socket that is taken over.
type hijacker struct {
	http.ResponseWriter
	socket net.Conn
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	socket, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.socket = socket
	return socket, rw, err
}

// goodbye says why a connection ends, to a client that listens at once.
func (h *hijacker) goodbye(ws *websocket.Conn, why websocket.StatusCode) {
	stop := time.AfterFunc(200*time.Millisecond, func() { h.socket.Close() })
	defer stop.Stop()
	ws.Close(why, "")
}

func (s *Server) session(o Observed) {
	if s.o.Observe != nil {
		o.WebSocket = true
		s.o.Observe(o)
	}
}
