package debug

import (
	"log/slog"
	"net/http"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// An Option is what [Hosts], [Logger], [Operator], [Keys] and [Values] return, for [Handler].
type Option interface{ apply(h *handler) }

type option func(h *handler)

func (o option) apply(h *handler) { o(h) }

// Hosts allows requests that name one of some hosts, besides localhost and the
// loopback addresses: see "Who may see it" in the package comment. Each is a name or
// an IP address, such as "panel.example", or with a port if no other is allowed, such as
// "10.0.0.7:8080". Given more than once, the hosts of all are allowed.
func Hosts(hosts ...string) Option {
	return option(func(h *handler) { h.extraHosts = append(h.extraHosts, hosts...) })
}

// Logger sets the logger of refused requests and of operator's calls. The default is
// [slog.Default] at the time of the record.
func Logger(l *slog.Logger) Option {
	return option(func(h *handler) {
		if l == nil {
			h.fault("Logger: the logger is nil: give one, or leave the option out")
		}
		h.logger = l
	})
}

// Operator puts buttons on the page: restart, terminate and shut down. They work
// on the tree of the controller, which is that of the inspector.
//
// authorize is asked before each call, and may be called concurrently; an error
// refuses it, and its text is shown. A panic refuses it too, and is logged. It sees the
// request, with cookies and headers, and an empty body. Besides, a call has to be a POST from the
// page itself, cross-origin requests are refused before authorize is asked, and
// it carries the incarnation that the page showed: if the child has had another
// one since, nothing is done ([sup.ErrIncarnation]).
//
// A restart of a child that runs stops it first: [sup.Controller.TerminateChild], and
// then [sup.Controller.RestartChild]; or, in one call, the Replace of a controller that
// has one, as the client of package remote. It is seen through, also when it takes
// longer than the page waits. The worker that serves the page, and what is above it,
// is not restarted by it, where the contexts of requests are of that worker.
func Operator(c sup.Controller, authorize func(r *http.Request) error) Option {
	return option(func(h *handler) {
		if c == nil {
			h.fault("Operator: the controller is nil: give it sup.Control(tree)")
		}
		if authorize == nil {
			h.fault("Operator: authorize is nil: give it a function that decides who may restart and stop children")
		}
		if h.controller != nil {
			h.fault("Operator: is given twice: give it once")
		}
		h.controller, h.authorize = c, authorize
	})
}

// Keys shows a context on the page: its keys, about how many bytes each value
// holds, and what changes; not the values. Names have to differ.
func Keys[K comparable, V any](name string, c *kv.Context[K, V]) Option {
	return show("Keys", name, c, false)
}

// Values is [Keys] with the values, as JSON. It reads them while the workers
// run, so it is for values that nobody modifies in place, behind a pointer or in
// a map, as those in a [kv.Context] should not be anyway.
func Values[K comparable, V any](name string, c *kv.Context[K, V]) Option {
	return show("Values", name, c, true)
}

func show[K comparable, V any](of, name string, c *kv.Context[K, V], values bool) Option {
	return option(func(h *handler) {
		if name == "" {
			h.fault("%s: the name is empty: give the context one", of)
		}
		if c == nil {
			h.fault("%s(%q): the context is nil: make it first", of, name)
		}
		if _, taken := h.state(name); taken {
			h.fault("%s(%q): the name is taken: give each context its own", of, name)
		}
		h.states = append(h.states, &typedState[K, V]{name, c, values})
	})
}
