package jsonrpc

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Call is a call on its way.
type Call struct {
	*Params
	Conn   *Conn
	Method string // as the client wrote it
	after  []func()
}

// After has f run once the response stands in the connection's queue: what it sends comes
// after the response.
func (c *Call) After(f func()) { c.after = append(c.after, f) }

// Handler answers a call: the result, or an error, best an [*Error]. The context ends
// with the connection.
type Handler func(ctx context.Context, c *Call) (any, error)

// Subscriber accepts a subscription. What it returns runs, after the response, until it
// returns or its context ends, and sends the items; the subscription ends with it.
type Subscriber func(ctx context.Context, c *Call, s *Subscription) (run func(ctx context.Context), err error)

type method struct {
	handle Handler
	unsafe bool

	subscribe   Subscriber
	unsubscribe string // of a subscription; of an unsubscribe method its own name
	event       string
}

// Methods is what can be called. It must not be changed once a server has it.
type Methods struct {
	byName map[string]*method
	names  []string
}

// NewMethods returns an empty set.
func NewMethods() *Methods { return &Methods{byName: map[string]*method{}} }

// Add registers a method under its name and aliases.
func (m *Methods) Add(h Handler, names ...string) { m.add(&method{handle: h}, names) }

// AddUnsafe registers a method that may be denied to outsiders.
func (m *Methods) AddUnsafe(h Handler, names ...string) {
	m.add(&method{handle: h, unsafe: true}, names)
}

// Names of a subscription: how clients subscribe and unsubscribe, aliases included, and
// the method that stands in its notifications.
type Names struct {
	Subscribe, Unsubscribe []string
	Event                  string
}

// Subscription registers a subscription.
func (m *Methods) Subscription(n Names, s Subscriber) {
	kind := n.Unsubscribe[0]
	m.add(&method{subscribe: s, unsubscribe: kind, event: n.Event}, n.Subscribe)
	m.add(&method{unsubscribe: kind, handle: func(_ context.Context, c *Call) (any, error) {
		id := c.Text("subscription")
		if err := c.Err(); err != nil {
			return nil, err
		}
		return c.Conn.unsubscribe(kind, id), nil
	}}, n.Unsubscribe)
}

func (m *Methods) add(x *method, names []string) {
	for _, name := range names {
		if m.byName[name] != nil {
			panic(fmt.Sprintf("jsonrpc: method %s is registered twice", name))
		}
		m.byName[name] = x
	}
	m.names = slices.Sorted(maps.Keys(m.byName))
}

// List is the sorted names, aliases included.
func (m *Methods) List() []string { return m.names }
