package otelsup

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/espalier-go/espalier/sup"
)

// Observer returns an observer that creates spans with a tracer, or none if the tracer is
// nil. Several trees may share it if their names differ. It keeps the open spans and
// the last crash of each supervisor and each child, until the child is removed.
func Observer(tracer trace.Tracer) sup.Observer {
	if tracer == nil {
		tracer = noop.Tracer{}
	}
	return &observer{tracer: tracer, supervisors: make(map[string]*supervisorSpans)}
}

type observer struct {
	tracer trace.Tracer

	mu          sync.Mutex                  // several trees may call Observe concurrently
	supervisors map[string]*supervisorSpans // by path; guarded by mu
}

type supervisorSpans struct {
	children  map[string]*childSpans // by path
	rootStart trace.Span             // nil unless a root is starting
	stopped   bool                   // set for a root that may start again
	crash     trace.SpanContext      // last crash of a child
	failure   trace.SpanContext      // until the supervisor exits
}

type childSpans struct {
	start, stop, restart trace.Span        // nil if not open
	crash                trace.SpanContext // last crash
}

// An event is an event with its time as an option, which several spans share.
type event struct {
	sup.Event
	at trace.SpanEventOption
}

// Observe implements [sup.Observer].
func (o *observer) Observe(e sup.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := trace.WithTimestamp(e.Time)
	switch e.Kind {
	case sup.SupervisorStarted, sup.SupervisorFailed, sup.SupervisorStopped:
		o.supervisor(&event{e, at})
	case sup.ChildStarting, sup.ChildReady, sup.ChildStopping, sup.ChildStuck, sup.ChildExited, sup.ChildRestarting,
		sup.ChildStopped, sup.ChildQuarantined, sup.ChildRemoved:
		o.child(&event{e, at})
	}
}

func (o *observer) supervisor(e *event) {
	s := o.supervisorAt(e.Path)
	switch e.Kind {
	case sup.SupervisorStarted:
		s.stopped = false
		end(&s.rootStart, e)
	case sup.SupervisorFailed:
		s.failure = o.instant("sup.failure", e, s.crash)
	case sup.SupervisorStopped:
		recordError(s.rootStart, e)
		end(&s.rootStart, e)
		for path, c := range s.children {
			c.endAll(e)
			delete(o.supervisors, path)
		}
		s.children, s.stopped = make(map[string]*childSpans), parentPath(e.Path) == ""
	}
}

func (o *observer) child(e *event) {
	s := o.supervisorAt(parentPath(e.Path))
	c := s.children[e.Path]
	if c == nil {
		c = new(childSpans)
		s.children[e.Path] = c
	}
	switch e.Kind {
	case sup.ChildStarting:
		c.start = o.open("sup.start", e, o.parentOfStart(s, c, e), trace.SpanContext{})
	case sup.ChildReady:
		end(&c.start, e)
		end(&c.restart, e)
	case sup.ChildStopping:
		c.stop = o.open("sup.stop", e, o.parentOfStop(e), o.causeOf(e, trace.SpanContext{}))
	case sup.ChildStuck:
		if c.stop != nil {
			c.stop.AddEvent("stuck", e.at, trace.WithAttributes(stackKey.String(e.Stack)))
			c.stop.SetStatus(codes.Error, "not stopped in time")
		}
	case sup.ChildExited:
		o.exited(s, c, e)
	case sup.ChildRestarting:
		if c.restart == nil {
			c.restart = o.open("sup.restart", e, nil, o.causeOf(e, c.crash))
		}
		if e.Delay > 0 {
			c.restart.SetAttributes(delayKey.Float64(e.Delay.Seconds()))
		}
		if e.HostExhausted {
			c.restart.SetAttributes(hostExhaustedKey.Bool(true))
		}
	case sup.ChildStopped, sup.ChildQuarantined, sup.ChildRemoved:
		if c.restart != nil {
			c.restart.SetStatus(codes.Error, e.Kind.String())
		}
		c.endAll(e)
		if e.Kind == sup.ChildRemoved {
			delete(s.children, e.Path)
			delete(o.supervisors, e.Path)
		}
	}
}

func (o *observer) exited(s *supervisorSpans, c *childSpans, e *event) {
	recordError(c.start, e)
	if e.Exit.Kind != sup.ExitAbnormal {
		c.crash = trace.SpanContext{}
	} else {
		var cause trace.SpanContext
		if own := o.supervisors[e.Path]; own != nil {
			cause, own.failure = own.failure, trace.SpanContext{}
		}
		c.crash = o.instant("sup.crash", e, cause)
		s.crash = c.crash
		if c.stop != nil {
			recordError(c.stop, e)
		}
	}
	end(&c.start, e)
	end(&c.stop, e)
}

// parentOfStart returns the parent span for the start of a child: its restart, or the
// start of its supervisor. The start of a root begins with its first child, since it
// has no event.
func (o *observer) parentOfStart(s *supervisorSpans, c *childSpans, e *event) trace.Span {
	if c.restart != nil {
		return c.restart
	}
	path := parentPath(e.Path)
	if above := o.supervisors[parentPath(path)]; above != nil && above.children[path] != nil {
		return above.children[path].start
	}
	if s.rootStart == nil && (e.Seq == 1 || s.stopped) {
		root := *e
		root.Path, root.Incarnation = path, 0
		s.rootStart = o.open("sup.start", &root, nil, trace.SpanContext{})
	}
	return s.rootStart
}

// parentOfStop returns the span for the stop of a child's supervisor, or nil if the
// supervisor is not stopping.
func (o *observer) parentOfStop(e *event) trace.Span {
	path := parentPath(e.Path)
	if above := o.supervisors[parentPath(path)]; above != nil && above.children[path] != nil {
		return above.children[path].stop
	}
	return nil
}

// causeOf returns the crash that caused an event: that of the child in Because, or else
// the child's own.
func (o *observer) causeOf(e *event, own trace.SpanContext) trace.SpanContext {
	if e.Because == "" {
		return own
	}
	if s := o.supervisors[parentPath(e.Because)]; s != nil && s.children[e.Because] != nil {
		return s.children[e.Because].crash
	}
	return trace.SpanContext{}
}

func (o *observer) supervisorAt(path string) *supervisorSpans {
	s := o.supervisors[path]
	if s == nil {
		s = &supervisorSpans{children: make(map[string]*childSpans)}
		o.supervisors[path] = s
	}
	return s
}

// parentPath returns the path of the supervisor of a child, or "" for a root.
func parentPath(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

const (
	pathKey          = attribute.Key("sup.path")
	incarnationKey   = attribute.Key("sup.incarnation")
	delayKey         = attribute.Key("sup.delay")
	hostExhaustedKey = attribute.Key("sup.host_exhausted")
	becauseKey       = attribute.Key("sup.because")
	exitKey          = attribute.Key("sup.exit")
	messageKey       = attribute.Key("exception.message")
	typeKey          = attribute.Key("exception.type")
	stackKey         = attribute.Key("exception.stacktrace")
)

// open starts a span at the time of an event, with a link to its cause if that is valid.
func (o *observer) open(name string, e *event, parent trace.Span, cause trace.SpanContext) trace.Span {
	ctx := context.Background()
	if parent != nil {
		ctx = trace.ContextWithSpan(ctx, parent)
	}
	attributes := make([]attribute.KeyValue, 1, 4)
	attributes[0] = pathKey.String(e.Path)
	if e.Incarnation > 0 {
		attributes = append(attributes, incarnationKey.Int(e.Incarnation))
	}
	if e.Because != "" {
		attributes = append(attributes, becauseKey.String(e.Because))
	}
	if e.Exit.Kind != sup.ExitNone {
		attributes = append(attributes, exitKey.String(e.Exit.Kind.String()))
	}
	with := trace.WithAttributes(attributes...)
	var span trace.Span
	if cause.IsValid() {
		_, span = o.tracer.Start(ctx, name, e.at, with, trace.WithLinks(trace.Link{SpanContext: cause}))
	} else {
		_, span = o.tracer.Start(ctx, name, e.at, with)
	}
	return span
}

// instant creates a span without duration for a failure.
func (o *observer) instant(name string, e *event, cause trace.SpanContext) trace.SpanContext {
	span := o.open(name, e, nil, cause)
	recordError(span, e)
	span.End(e.at)
	return span.SpanContext()
}

// recordError records the error of an abnormal exit in a span. It has no effect if span is
// nil.
func recordError(span trace.Span, e *event) {
	if span == nil || e.Exit.Kind != sup.ExitAbnormal || e.Exit.Err == nil {
		return
	}
	text := textOf(e.Exit.Err)
	attributes := []attribute.KeyValue{messageKey.String(text), typeKey.String(reflect.TypeOf(e.Exit.Err).String())}
	if stack := stackOf(e.Exit.Err); stack != "" {
		attributes = append(attributes, stackKey.String(stack))
	}
	span.AddEvent("exception", e.at, trace.WithAttributes(attributes...))
	span.SetStatus(codes.Error, text)
}

// textOf returns the text of an error, also if its Error method panics.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprint(err) // says so
		}
	}()
	return err.Error()
}

// stackOf returns the stack in an error, or "" if it has none. AsType calls methods of
// the program's error, which may panic.
func stackOf(err error) (stack string) {
	defer func() { _ = recover() }()
	if panicked, ok := errors.AsType[*sup.PanicError](err); ok {
		return panicked.Stack
	}
	if unhealthy, ok := errors.AsType[*sup.UnhealthyError](err); ok {
		return unhealthy.Stack
	}
	return ""
}

// end ends a span at the time of an event. It has no effect if the span is nil.
func end(span *trace.Span, e *event) {
	if *span != nil {
		(*span).End(e.at)
		*span = nil
	}
}

func (c *childSpans) endAll(e *event) {
	end(&c.start, e)
	end(&c.stop, e)
	end(&c.restart, e)
}
