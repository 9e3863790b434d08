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
// it, nor open streams, and those of other sites not even ask for leaks, record and
// stacks; its own runs no inline script and loads nothing from elsewhere.
//
// A request has to name a host that is allowed: localhost, a loopback address such as
// 127.0.0.1, or one given with [Hosts]. Otherwise a page of another site could read the
// tree through a name of its own that it lets mean this machine (DNS rebinding). So
// give the name under which the page is opened from other machines, or through a
// reverse proxy. The hosts in X-Forwarded-Host and Forwarded have to be allowed too,
// for a proxy that asks for this server by another name than it was asked for.
// The handler looks at the last segment of the path, so a proxy that keeps users away from
// operate has to do so for all paths below the prefix that end in it.
//
// In all texts and in JSON, what a terminal would obey is escaped, such as \x1b.
//
// # Limits
//
// At most 64 streams are served at the same time, and 32 to one machine; of other
// answers than the page itself 16, and 8 to one machine; of an operator's calls
// likewise. Further requests get the status 503. All that comes through one proxy counts as
// one machine. A client that does not read is given up after ten seconds without
// progress, or after the WriteTimeout of the server for answers that are no streams.
// An answer that a tree does not give within 30 seconds is given up.
//
// # Log
//
// The handler logs each operator's call at Info. A request that is refused is logged
// at Warn, at most once a second for each reason: its host, its origin, authorize, or a
// limit. The record has the path of the child, the method and the peer. See [Logger].
//
// # Ending
//
// A stream ends with its request. [http.Server.Shutdown] does not end those that
// are open, and would wait for them; so let the contexts of the requests end
// with the worker that serves them:
//
//	srv := &http.Server{
//		Handler:           mux,
//		BaseContext:       func(net.Listener) context.Context { return ctx },
//		ReadHeaderTimeout: 5 * time.Second, // bounds what comes before the handler
//	}
//
// An operator's call from the page waits for no more than three seconds, so that
// a page which is served from within the tree can shut the tree down.
package debug

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/hostcheck"
	"github.com/espalier-go/espalier/sup"
)

// Handler returns a handler that shows the tree of an inspector, see the
// package comment. It is safe for concurrent use, and may be made before the tree is
// started.
//
// A request waits for the goroutines that it starts, but for that of a restart
// which takes longer than the page waits: it sees the restart through without the
// request. It is done when its calls to the controller are, at the latest when the
// supervisor of the child ends, and that is who waits for it: a Shutdown of the tree.
//
// Of options that cannot be, such as two contexts of one name, every request is
// told in the answer, which is then 500.
func Handler(tree sup.Inspector, options ...Option) http.Handler {
	h := &handler{
		tree: tree, searching: make(chan struct{}, 1),
		streams: newGate("streams", maxStreams, maxStreamsEach),
		answers: newGate("answers", maxAnswers, maxAnswersEach),
		calls:   newGate("calls", maxCalls, maxCallsEach),
	}
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
	hosts, err := hostcheck.New(h.extraHosts...)
	if err != nil {
		h.fault("Hosts: %v", err)
	}
	h.hosts = hosts
	h.leaks = leakProfile() != nil && isLocal(tree)
	return h
}

type handler struct {
	tree       sup.Inspector
	epoch      epoch
	states     []state
	leaks      bool // can be looked for
	faults     []string
	extraHosts []string // besides the loopback names
	hosts      hostcheck.Hosts

	logger   *slog.Logger // nil for slog.Default()
	throttle throttle
	streams  *gate
	answers  *gate
	calls    *gate

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

// A page is what is served under a name.
type page struct {
	serve func(h *handler, w http.ResponseWriter, r *http.Request)
	from  reach
	gate  func(h *handler) *gate // nil if there is no bound
}

// pages are what is served, by the last segment of the path.
var pages = map[string]page{
	"":          {(*handler).servePage, anySite, nil},
	"page.js":   {(*handler).servePage, anySite, nil},
	"page.css":  {(*handler).servePage, anySite, nil},
	"tree.json": {(*handler).serveTree, anySite, answers},
	"tree.txt":  {(*handler).serveText, anySite, answers},
	"state":     {(*handler).serveState, anySite, answers},
	"record":    {(*handler).serveRecord, sameSite, answers},
	"stacks":    {(*handler).serveStacks, sameSite, answers},
	"leaks":     {(*handler).serveLeaks, sameSite, answers},
	"events":    {(*handler).serveEvents, samePage, streams},
	"watch":     {(*handler).serveWatch, samePage, streams},
}

func answers(h *handler) *gate { return h.answers }
func streams(h *handler) *gate { return h.streams }

const (
	// maxQuery is how long a query may be, in bytes: the path of a child, say.
	maxQuery = 16 << 10
	// answerTime is how long an answer may take to make: a tree that is reached
	// over a network may never answer.
	answerTime = 30 * time.Second
)

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if err := h.checkHost(r); err != nil {
		h.denied(r, "host", slog.String("host", logText(r.Host)), slog.String("err", logText(err.Error())))
		fail(w, http.StatusForbidden, "debug: "+err.Error())
		return
	}
	if len(h.faults) > 0 {
		fail(w, http.StatusInternalServerError, "debug: "+strings.Join(h.faults, "\ndebug: "))
		return
	}
	if n := len(r.URL.RawQuery); n > maxQuery {
		fail(w, http.StatusRequestURITooLong, fmt.Sprintf("debug: the query has %d bytes: use %d at most", n, maxQuery))
		return
	}
	name := lastSegment(r.URL.Path)
	if name != lastSegment(r.URL.EscapedPath()) {
		// A proxy may know the path by its letters, and this handler by their meaning.
		fail(w, http.StatusNotFound, "debug: the last segment of the path is escaped: write it as it is")
		return
	}
	if name == "operate" && h.controller != nil {
		h.serveOperate(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "debug: "+clip(r.Method, maxName)+" is not served here: use GET")
		return
	}
	p, ok := pages[name]
	if !ok {
		fail(w, http.StatusNotFound, fmt.Sprintf("debug: there is no %q here: the page is at the path that ends in a slash", clip(name, maxName)))
		return
	}
	if err := h.checkOrigin(r, p.from); err != nil {
		h.denied(r, "origin", slog.String("err", logText(err.Error())))
		fail(w, http.StatusForbidden, "debug: a request for "+name+" must come from the page itself: "+err.Error())
		return
	}
	if p.gate != nil {
		leave, ok := h.enter(p.gate(h), w, r)
		if !ok {
			return
		}
		defer leave()
	}
	if p.from != samePage { // streams have deadlines of their own
		w = paced(w, r)
		ctx, cancel := context.WithTimeoutCause(r.Context(), answerTime, errAnswerTime)
		defer cancel()
		r = r.WithContext(ctx)
	}
	p.serve(h, w, r)
}

// errAnswerTime is the cause of the end of an answer's context.
var errAnswerTime = fmt.Errorf("debug: the tree has not answered within %v", answerTime)

// enter passes a gate, or answers that there are too many requests.
func (h *handler) enter(g *gate, w http.ResponseWriter, r *http.Request) (leave func(), ok bool) {
	peer := peerOf(r)
	if !g.enter(peer) {
		h.denied(r, "too many "+g.what)
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("debug: too many %s at the same time: %d are served, and %d to one machine: try again", g.what, g.all, g.each))
		return nil, false
	}
	return func() { g.leave(peer) }, true
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
