// Package debug serves a live view of a supervision tree over HTTP, in the
// manner of net/http/pprof: a page for people, the same as JSON and as text, a
// stream of what changes, and, where they are allowed, an operator's buttons.
//
//	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(tree)))
//
// Importing the package registers nothing anywhere. The handler can be mounted
// under any prefix that ends in a slash, with or without [http.StripPrefix]:
// all links are relative, and it looks at the last segment of the path only.
//
// # What it serves
//
//	(nothing)    the page
//	tree.json    the tree as a [sup.SupervisorInfo], durations in nanoseconds; ?path=… of a supervisor below
//	tree.txt     the same, drawn, a line a child
//	record       the flight record of the tree, as package flight writes it; ?path=… of a supervisor below
//	events       server-sent events, see below
//	stacks       ?path=…: the stacks of a child's goroutines, as text
//	leaks        ?path=…: goroutines that the child's incarnations have leaked, as JSON
//	state        the contexts given with [Keys] and [Values], as JSON; ?name=… the keys of one
//	watch        ?name=…: server-sent events of the changes of one
//	operate      POST: an operator's call, see [Operator]
//
// The stream of events begins with the whole tree and the events on record, and
// goes on with what changes: at most ten messages a second, and fewer where a
// snapshot of the tree takes long or a message is large, so that a page costs about
// a tenth of a processor at most. It is resumed by Last-Event-ID, without a gap as
// long as the events are on record ([sup.Spec.Record]). What the messages hold
// is between the handler and its page, and may change.
//
// # Who may see it
//
// The page shows errors and stacks to whoever can reach it. Like that of
// net/http/pprof the handler belongs on an address of its own, or behind what
// checks who asks. Pages of other origins cannot read what it serves, nor frame
// it, and those of other sites not even ask for leaks, record and stacks; its own
// runs no inline script and loads nothing from elsewhere.
//
// # Ending
//
// A stream ends with its request. [http.Server.Shutdown] does not end those that
// are open, and would wait for them; so let the contexts of the requests end
// with the worker that serves them:
//
//	srv := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
//
// An operator's call from the page waits for no more than three seconds, so that
// a page which is served from within the tree can shut the tree down.
package debug

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/espalier-go/espalier/sup"
)

// Handler returns a handler that shows the tree of an inspector, see the
// package comment. It keeps nothing between requests; it is safe for concurrent
// use, and may be made before the tree is started.
//
// A request waits for the goroutines that it starts, but for that of a restart
// which takes longer than the page waits: it sees the restart through without the
// request. It is done when its calls to the controller are, at the latest when the
// supervisor of the child ends, and that is who waits for it: a Shutdown of the tree.
//
// Of options that cannot be, such as two contexts of one name, every request is
// told in the answer, which is then 500.
func Handler(tree sup.Inspector, options ...Option) http.Handler {
	h := &handler{tree: tree, searching: make(chan struct{}, 1)}
	h.epoch.text = rand.Text()
	if tree == nil {
		h.fault("Handler: the inspector is nil: give it sup.Inspect(tree)")
	}
	for i, o := range options {
		if o == nil {
			h.fault("Handler: option %d is nil: leave it out", i+1)
			continue
		}
		o.apply(h)
	}
	h.leaks = leakProfile() != nil && isLocal(tree)
	return h
}

type handler struct {
	tree   sup.Inspector
	epoch  epoch
	states []state
	leaks  bool // can be looked for
	faults []string

	controller sup.Controller // nil where there are no buttons
	authorize  func(*http.Request) error
	crossed    http.CrossOriginProtection
	searching  chan struct{} // for leaks; holds who does
}

// An epoch names a numbering of events: another program, or the same one
// started anew, numbers others.
type epoch struct {
	mu   sync.Mutex // protects text
	text string
}

func (e *epoch) now() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text
}

// after returns the epoch that follows one, the same to all streams that ask.
func (e *epoch) after(old string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.text == old {
		e.text = rand.Text()
	}
	return e.text
}

func (h *handler) fault(format string, args ...any) {
	h.faults = append(h.faults, fmt.Sprintf(format, args...))
}

// isLocal tells the tree of this process, whose goroutines are those of this
// process too, from one that is inspected over a network.
func isLocal(tree sup.Inspector) bool {
	here := sup.Inspect(sup.New(sup.Spec[sup.Worker]{}))
	return reflect.TypeOf(tree) == reflect.TypeOf(here)
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if len(h.faults) > 0 {
		http.Error(w, "debug: "+strings.Join(h.faults, "\ndebug: "), http.StatusInternalServerError)
		return
	}
	name := lastSegment(r.URL.Path)
	if name == "operate" && h.controller != nil {
		h.serveOperate(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "debug: "+r.Method+" is not served here: use GET", http.StatusMethodNotAllowed)
		return
	}
	serve := pages[name]
	if serve == nil {
		http.Error(w, fmt.Sprintf("debug: there is no %q here: the page is at the path that ends in a slash", name), http.StatusNotFound)
		return
	}
	if withheld[name] && h.refuseForeign(w, r, "a request for "+name) {
		return
	}
	serve(h, w, r)
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// pages are what is served, by the last segment of the path.
var pages = map[string]func(h *handler, w http.ResponseWriter, r *http.Request){
	"":          (*handler).servePage,
	"page.js":   (*handler).servePage,
	"page.css":  (*handler).servePage,
	"tree.json": (*handler).serveTree,
	"tree.txt":  (*handler).serveText,
	"events":    (*handler).serveEvents,
	"record":    (*handler).serveRecord,
	"stacks":    (*handler).serveStacks,
	"leaks":     (*handler).serveLeaks,
	"state":     (*handler).serveState,
	"watch":     (*handler).serveWatch,
}
