package debug

import (
	"log/slog"
	"net/http"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// An Option configures a [Handler]. See [Hosts], [Logger], [Operator], [Keys] and [Values].
type Option interface{ apply(h *handler) }

type option func(h *handler)

func (o option) apply(h *handler) { o(h) }

// Hosts allows requests that name one of the given hosts. Localhost and the loopback
// addresses are always allowed, see "Access" in the package comment. A host is a name
// or an IP address, such as "panel.example", and may have a port, such as
// "10.0.0.7:8080", which excludes other ports. If Hosts is given more than once, all
// hosts are allowed.
func Hosts(hosts ...string) Option {
	return option(func(h *handler) { h.extraHosts = append(h.extraHosts, hosts...) })
}

// Logger sets the logger for denied requests and operator's calls. The default is
// the value of [slog.Default] at the time of a record.
func Logger(l *slog.Logger) Option {
	return option(func(h *handler) {
		if l == nil {
			h.fault("Logger: nil logger (pass one, or leave the option out)")
		}
		h.logger = l
	})
}

// Operator adds buttons to the page that restart, terminate and shut down children
// through a controller. It must control the tree of the handler's inspector.
//
// authorize is called before each call, and must be safe for concurrent use. If it returns
// an error, the call is denied and the page shows the error's text. If it panics,
// the call is denied and the panic is logged. Its request has the cookies and headers
// and an empty body.
//
// Besides, a call must be a POST from the page itself. Cross-origin requests are
// denied before authorize is called. A call names the incarnation that the page
// showed. If the child has another one by then, the call fails with [sup.ErrIncarnation].
//
// A restart is a call of [sup.Controller.Replace]: it starts a child at rest, and stops
// a running child and starts it again. It continues if it takes longer than the page
// waits. So the page can restart the worker that serves it.
func Operator(c sup.Controller, authorize func(r *http.Request) error) Option {
	return option(func(h *handler) {
		if c == nil {
			h.fault("Operator: nil controller (pass sup.Control(tree))")
		}
		if authorize == nil {
			h.fault("Operator: nil authorize (pass a function that decides which requests may restart and stop children)")
		}
		if h.controller != nil {
			h.fault("Operator: given twice (give it once)")
		}
		h.controller, h.authorize = c, authorize
	})
}

// Keys shows a context on the page: its keys, the approximate size of each value, and
// changes. Values are not shown. The names of contexts must differ.
func Keys[K comparable, V any](name string, c *kv.Context[K, V]) Option {
	return show("Keys", name, c, false)
}

// Values shows a context like [Keys], with its values as JSON. It encodes them while
// workers run. So values must not be modified in place, behind a pointer or in a map.
// A [kv.Context] asks for that anyway.
func Values[K comparable, V any](name string, c *kv.Context[K, V]) Option {
	return show("Values", name, c, true)
}

func show[K comparable, V any](of, name string, c *kv.Context[K, V], values bool) Option {
	return option(func(h *handler) {
		if name == "" {
			h.fault("%s: empty name (give the context one)", of)
		}
		if c == nil {
			h.fault("%s(%q): nil context (create it first)", of, name)
		}
		if _, taken := h.context(name); taken {
			h.fault("%s(%q): name already taken (give each context its own)", of, name)
		}
		h.contexts = append(h.contexts, &typedContext[K, V]{name, c, values})
	})
}
