// Package debug serves a live view of a supervision tree over HTTP, in the manner
// of net/http/pprof. It has a page for people, the tree as JSON and as text, a stream
// of changes, and, if [Operator] is given, buttons to restart and stop children.
//
// A handler guarantees:
//
//  1. It changes nothing in the tree unless [Operator] is given.
//  2. It answers a request only if the host that the request names is allowed, see "Access".
//  3. Other origins can neither read what it serves nor open streams nor make calls.
//  4. A stream takes about a tenth of a processor at most.
//  5. Requests are bounded in number, size and time, see "Limits".
//  6. Text and JSON hold no control or bidirectional characters. They are escaped, such as \x1b.
//  7. A panic in an error, a value, an inspector, a controller or authorize of the
//     program fails the request and not the program.
//
// # Usage
//
//	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(tree)))
//
// A child of the tree can serve the page. Its start function finds the tree with
// [sup.Root], and package httpsup has the worker.
//
// Importing the package registers nothing. The handler can be mounted under any
// prefix that ends in a slash, with or without [http.StripPrefix]. All links are
// relative, and only the last segment of the path selects what is served.
//
// # Endpoints
//
//	(empty)      the page
//	tree.json    the tree as a [sup.SupervisorInfo], with durations in nanoseconds; ?path=… of a supervisor below
//	tree.txt     the tree drawn as text, one line for each child; ?path=… of a supervisor below
//	record       the flight record of the tree, as package flight writes it; ?path=… of a supervisor below
//	events       server-sent events, see "Streams"
//	stacks       ?path=…: the stacks of a child's goroutines, as text
//	leaks        ?path=…: the leaked goroutines of a child, as JSON
//	state        the contexts given with [Keys] and [Values], as JSON; ?name=… the keys of one
//	watch        ?name=…: server-sent events of the changes of one context
//	operate      POST: an operator's call, see [Operator]
//
// # Streams
//
// The stream of events begins with the whole tree and the recorded events, and
// continues with changes. It sends at most ten messages a second, and fewer if a
// snapshot of the tree takes long or a message is large. A client resumes it by
// Last-Event-ID, without a gap if the events are still recorded ([sup.Spec.Record]).
// The content of the messages is internal to the handler and its page, and may change.
//
// A stream ends with its request, and when the worker of package httpsup that serves it is
// asked to stop. Another server waits for open streams in [http.Server.Shutdown] and does
// not end them. Derive the contexts of its requests from that of its worker, by BaseContext.
//
// # Access
//
// The page shows errors and stacks to everyone with access to it. Like net/http/pprof,
// serve it on an address of its own or behind authentication.
//
// A request must name an allowed host: localhost, a loopback address such as
// 127.0.0.1, or a host given with [Hosts]. Otherwise a page of another site could
// resolve its own name to this machine and read the tree (DNS rebinding). So give
// [Hosts] the name under which the page is opened from other machines or through a
// reverse proxy. The hosts in X-Forwarded-Host and Forwarded must be allowed too.
//
// Pages of other origins cannot read an answer, frame the page, open a stream or make
// a call. Pages of other sites cannot request leaks, record and stacks at all, since
// those are expensive. The page runs no inline script and loads nothing from elsewhere.
//
// A proxy that restricts access to operate must do so for every path below the prefix
// whose last segment is operate.
//
// # Limits
//
// At most 64 streams are served at the same time, and 32 to one machine. Other
// answers, except the page itself, are limited to 16 and 8; so are operator's calls.
// Further requests get the status 503. All clients behind one proxy count as one machine.
//
// A client that does not read loses its connection after ten seconds without progress, or,
// for an answer other than a stream, after the WriteTimeout of the server if that is set.
// A request fails if the tree does not answer within 30 seconds.
//
// An operator's call is waited for three seconds, so that a page served from within
// the tree can shut the tree down. A call that takes longer continues.
//
// # Log
//
// The handler logs each operator's call at level Info. It logs denied requests at level
// Warn, at most once a second for each reason: host, origin, authorize, or a limit.
// Records have the path of the child, the method and the peer. See [Logger].
package debug

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/hostcheck"
	"github.com/espalier-go/espalier/sup"
)

// Handler returns a handler that shows the tree of an inspector. It is safe for
// concurrent use, and may be created before the tree is started.
//
// A request waits for the goroutines that it starts, with one exception: a restart
// that takes longer than three seconds continues without its request. Its goroutine
// ends with the call to the controller, at the latest when the supervisor of the child
// has ended.
//
// If an option is invalid, such as a second context of one name, every request is
// answered with the status 500 and all that is wrong.
func Handler(tree sup.Inspector, options ...Option) http.Handler {
	h := &handler{
		tree: tree, epoch: newEpoch(), leakSearch: make(chan struct{}, 1),
		streams: newLimiter("streams", maxStreams, maxPeerStreams),
		answers: newLimiter("answers", maxAnswers, maxPeerAnswers),
		calls:   newLimiter("calls", maxCalls, maxPeerCalls),
	}
	if tree == nil {
		h.fault("Handler: nil inspector (pass sup.Inspect(tree))")
	}
	for i, o := range options {
		if o == nil {
			h.fault("Handler: option %d is nil (leave it out)", i+1)
			continue
		}
		o.apply(h)
	}
	hosts, err := hostcheck.New(h.extraHosts...)
	if err != nil {
		h.fault("Hosts: %v", err)
	}
	h.hosts = hosts
	h.findsLeaks = leakProfile() != nil && isLocal(tree)
	return h
}

type handler struct {
	tree       sup.Inspector
	epoch      *epoch
	contexts   []contextView
	findsLeaks bool
	leakSearch chan struct{} // semaphore: one search for leaks at a time
	faults     []string      // what is wrong with the options
	extraHosts []string      // allowed besides the loopback names
	hosts      hostcheck.Hosts

	logger   *slog.Logger // nil means slog.Default()
	throttle throttle
	streams  *limiter
	answers  *limiter
	calls    *limiter

	controller  sup.Controller // nil without Operator
	authorize   func(*http.Request) error
	crossOrigin http.CrossOriginProtection
}

func (h *handler) fault(format string, args ...any) {
	h.faults = append(h.faults, fmt.Sprintf(format, args...))
}

// isLocal reports whether a tree runs in this process, so that its goroutines are
// in the profiles of this process.
func isLocal(tree sup.Inspector) bool {
	return reflect.TypeOf(tree) == reflect.TypeOf(sup.Inspect(nil))
}

// An endpoint is what the handler serves under a name.
type endpoint struct {
	serve  func(h *handler, w http.ResponseWriter, r *http.Request)
	origin origin
	limit  func(h *handler) *limiter // nil if unlimited
}

// endpoints are the endpoints by the last segment of the path, except operate and the
// files of the page.
var endpoints = map[string]endpoint{
	"tree.json": {(*handler).serveTree, anySite, answers},
	"tree.txt":  {(*handler).serveText, anySite, answers},
	"state":     {(*handler).serveState, anySite, answers},
	"record":    {(*handler).serveRecord, sameSite, answers},
	"stacks":    {(*handler).serveStacks, sameSite, answers},
	"leaks":     {(*handler).serveLeaks, sameSite, answers},
	"events":    {(*handler).serveEvents, samePage, streams},
	"watch":     {(*handler).serveWatch, samePage, streams},
}

func answers(h *handler) *limiter { return h.answers }
func streams(h *handler) *limiter { return h.streams }

const (
	// maxQuery limits the length of a query, in bytes.
	maxQuery = 16 << 10
	// answerTimeout limits the time that the tree has for an answer. A tree that is
	// reached over a network may never answer.
	answerTimeout = 30 * time.Second
)

// errAnswerTimeout is the cause of the end of an answer's context.
var errAnswerTimeout = fmt.Errorf("no answer from the tree within %v", answerTimeout)

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header())
	if err := h.checkHost(r); err != nil {
		h.logDenied(r, "host", slog.String("host", logText(r.Host)), slog.String("err", logText(err.Error())))
		fail(w, http.StatusForbidden, err.Error())
		return
	}
	if len(h.faults) > 0 {
		fail(w, http.StatusInternalServerError, strings.Join(h.faults, "\n"))
		return
	}
	if n := len(r.URL.RawQuery); n > maxQuery {
		fail(w, http.StatusRequestURITooLong, fmt.Sprintf("query of %d bytes (use %d at most)", n, maxQuery))
		return
	}
	name := lastSegment(r.URL.Path)
	if name != lastSegment(r.URL.EscapedPath()) {
		// A proxy that restricts operate may compare the escaped path.
		fail(w, http.StatusNotFound, "escaped last segment of the path (write it without escapes)")
		return
	}
	if name == "operate" && h.controller != nil {
		h.serveOperate(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "method "+clip(r.Method, maxName)+" not allowed (use GET)")
		return
	}
	e, ok := endpoints[name]
	if !ok && isPageFile(name) {
		e, ok = endpoint{(*handler).servePage, anySite, nil}, true
	}
	if !ok {
		fail(w, http.StatusNotFound, fmt.Sprintf("no such endpoint: %q (the page is at the path that ends in a slash)", clip(name, maxName)))
		return
	}
	if err := h.checkOrigin(r, e.origin); err != nil {
		h.logDenied(r, "origin", slog.String("err", logText(err.Error())))
		fail(w, http.StatusForbidden, name+": request not sent by the page itself: "+err.Error())
		return
	}
	if e.limit != nil {
		release, ok := h.acquire(e.limit(h), w, r)
		if !ok {
			return
		}
		defer release()
	}
	if e.origin != samePage { // streams set their own deadlines
		w = withWriteDeadlines(w, r)
		ctx, cancel := context.WithTimeoutCause(r.Context(), answerTimeout, errAnswerTimeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	e.serve(h, w, r)
}

// acquire counts a request in a limiter, or answers that there are too many.
func (h *handler) acquire(l *limiter, w http.ResponseWriter, r *http.Request) (release func(), ok bool) {
	peer := peerOf(r)
	if !l.acquire(peer) {
		h.logDenied(r, "too many "+l.name)
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("too many %s at the same time (at most %d, and %d for one machine)", l.name, l.max, l.maxPeer))
		return nil, false
	}
	return func() { l.release(peer) }, true
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
