package otelsup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/espalier-go/espalier/sup"
)

// Observer returns an observer that makes spans with a tracer; with nil it makes
// none. It may be given to several trees of different names. For each child
// that is declared, and each supervisor, it keeps what is open and its last crash.
func Observer(tracer trace.Tracer) sup.Observer {
	if tracer == nil {
		tracer = noop.Tracer{}
	}
	return &observer{tracer: tracer, supervisors: make(map[string]*branch)}
}

type observer struct {
	tracer trace.Tracer

	mu          sync.Mutex // two trees may have one observer
	supervisors map[string]*branch
}

// branch is what is known of a supervisor.
type branch struct {
	children map[string]*leaf
	begun    trace.Span        // of the start of a root
	stopped  bool              // a root that may start again
	crash    trace.SpanContext // the last one below
	failure  trace.SpanContext
}

// leaf is what is known of a child: the spans that are open, and its last crash.
type leaf struct {
	start, stop, restart trace.Span
	crash                trace.SpanContext
}

// Observe implements [sup.Observer].
func (o *observer) Observe(e sup.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e.Kind {
	case sup.SupervisorStarted, sup.SupervisorFailed, sup.SupervisorStopped:
		o.supervisor(e)
	case sup.ChildStarting, sup.ChildReady, sup.ChildStopping, sup.ChildStuck, sup.ChildExited, sup.ChildRestarting,
		sup.ChildStopped, sup.ChildQuarantined, sup.ChildRemoved:
		o.child(e)
	}
}

func (o *observer) supervisor(e sup.Event) {
	b := o.branch(e.Path)
	switch e.Kind {
	case sup.SupervisorStarted:
		b.stopped = false
		end(&b.begun, e)
	case sup.SupervisorFailed:
		b.failure = o.moment("sup.failure", e, b.crash)
	case sup.SupervisorStopped:
		fail(b.begun, e)
		end(&b.begun, e)
		for path, c := range b.children {
			c.endAll(e)
			delete(o.supervisors, path)
		}
		b.children, b.stopped = make(map[string]*leaf), above(e.Path) == ""
	}
}

func (o *observer) child(e sup.Event) {
	b := o.branch(above(e.Path))
	c := b.children[e.Path]
	if c == nil {
		c = new(leaf)
		b.children[e.Path] = c
	}
	switch e.Kind {
	case sup.ChildStarting:
		c.start = o.open("sup.start", e, o.parentOfStart(b, c, e))
	case sup.ChildReady:
		end(&c.start, e)
		end(&c.restart, e)
	case sup.ChildStopping:
		c.stop = o.open("sup.stop", e, o.parentOfStop(e), o.cause(e, trace.SpanContext{})...)
	case sup.ChildStuck:
		if c.stop != nil {
			c.stop.AddEvent("stuck", trace.WithTimestamp(e.Time), trace.WithAttributes(stackKey.String(e.Stack)))
			c.stop.SetStatus(codes.Error, "not stopped in time")
		}
	case sup.ChildExited:
		o.exited(b, c, e)
	case sup.ChildRestarting:
		if c.restart == nil {
			c.restart = o.open("sup.restart", e, nil, o.cause(e, c.crash)...)
		}
		if e.Delay > 0 {
			c.restart.SetAttributes(delayKey.Float64(e.Delay.Seconds()))
		}
	case sup.ChildStopped, sup.ChildQuarantined, sup.ChildRemoved:
		if c.restart != nil {
			c.restart.SetStatus(codes.Error, e.Kind.String())
		}
		c.endAll(e)
		if e.Kind == sup.ChildRemoved {
			delete(b.children, e.Path)
			delete(o.supervisors, e.Path)
		}
	}
}

func (o *observer) exited(b *branch, c *leaf, e sup.Event) {
	fail(c.start, e)
	if e.Exit.Kind != sup.ExitAbnormal {
		c.crash = trace.SpanContext{}
	} else {
		var cause trace.SpanContext
		if own := o.supervisors[e.Path]; own != nil {
			cause, own.failure = own.failure, trace.SpanContext{}
		}
		c.crash = o.moment("sup.crash", e, cause)
		b.crash = c.crash
		if c.stop != nil {
			fail(c.stop, e)
		}
	}
	end(&c.start, e)
	end(&c.stop, e)
}

// parentOfStart returns the span below which the start of a child is: its
// restart, or the start of its supervisor. That of a root begins with its first
// child, since no event tells of it.
func (o *observer) parentOfStart(b *branch, c *leaf, e sup.Event) trace.Span {
	if c.restart != nil {
		return c.restart
	}
	path := above(e.Path)
	if up := o.supervisors[above(path)]; up != nil && up.children[path] != nil {
		return up.children[path].start
	}
	if b.begun == nil && (e.Seq == 1 || b.stopped) {
		root := e
		root.Path, root.Incarnation = path, 0
		b.begun = o.open("sup.start", root, nil)
	}
	return b.begun
}

// parentOfStop returns the span of the stop of a child's supervisor, if it is
// stopping.
func (o *observer) parentOfStop(e sup.Event) trace.Span {
	path := above(e.Path)
	if up := o.supervisors[above(path)]; up != nil && up.children[path] != nil {
		return up.children[path].stop
	}
	return nil
}

// cause returns the link to the crash that an event is because of.
func (o *observer) cause(e sup.Event, own trace.SpanContext) []trace.SpanStartOption {
	crash := own
	if e.Because != "" {
		crash = trace.SpanContext{}
		if b := o.supervisors[above(e.Because)]; b != nil && b.children[e.Because] != nil {
			crash = b.children[e.Because].crash
		}
	}
	return linkTo(crash)
}

func linkTo(to trace.SpanContext) []trace.SpanStartOption {
	if !to.IsValid() {
		return nil
	}
	return []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: to})}
}

func (o *observer) branch(path string) *branch {
	b := o.supervisors[path]
	if b == nil {
		b = &branch{children: make(map[string]*leaf)}
		o.supervisors[path] = b
	}
	return b
}

// above is the path of the supervisor of a child, "" of a root.
func above(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

const (
	pathKey        = attribute.Key("sup.path")
	incarnationKey = attribute.Key("sup.incarnation")
	delayKey       = attribute.Key("sup.delay")
	becauseKey     = attribute.Key("sup.because")
	exitKey        = attribute.Key("sup.exit")
	messageKey     = attribute.Key("exception.message")
	typeKey        = attribute.Key("exception.type")
	stackKey       = attribute.Key("exception.stacktrace")
)

// open begins a span.
func (o *observer) open(name string, e sup.Event, parent trace.Span, options ...trace.SpanStartOption) trace.Span {
	ctx := context.Background()
	if parent != nil {
		ctx = trace.ContextWithSpan(ctx, parent)
	}
	attributes := []attribute.KeyValue{pathKey.String(e.Path)}
	if e.Incarnation > 0 {
		attributes = append(attributes, incarnationKey.Int(e.Incarnation))
	}
	if e.Because != "" {
		attributes = append(attributes, becauseKey.String(e.Because))
	}
	if e.Exit.Kind != sup.ExitNone {
		attributes = append(attributes, exitKey.String(e.Exit.Kind.String()))
	}
	_, span := o.tracer.Start(ctx, name, append(options, trace.WithTimestamp(e.Time), trace.WithAttributes(attributes...))...)
	return span
}

// moment makes a span that takes no time, of a failure.
func (o *observer) moment(name string, e sup.Event, cause trace.SpanContext) trace.SpanContext {
	span := o.open(name, e, nil, linkTo(cause)...)
	fail(span, e)
	span.End(trace.WithTimestamp(e.Time))
	return span.SpanContext()
}

// fail notes the failure that an event carries, if there is a span.
func fail(span trace.Span, e sup.Event) {
	if span == nil || e.Exit.Kind != sup.ExitAbnormal || e.Exit.Err == nil {
		return
	}
	text := fmt.Sprint(e.Exit.Err) // survives a method that panics
	attributes := []attribute.KeyValue{messageKey.String(text), typeKey.String(fmt.Sprintf("%T", e.Exit.Err))}
	if stack := stackOf(e.Exit.Err); stack != "" {
		attributes = append(attributes, stackKey.String(stack))
	}
	span.AddEvent("exception", trace.WithTimestamp(e.Time), trace.WithAttributes(attributes...))
	span.SetStatus(codes.Error, text)
}

// stackOf returns the stack that comes with an error, whose methods may be the
// program's own, and panic.
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

// end ends a span, if it is open.
func end(span *trace.Span, e sup.Event) {
	if *span != nil {
		(*span).End(trace.WithTimestamp(e.Time))
		*span = nil
	}
}

func (c *leaf) endAll(e sup.Event) {
	end(&c.start, e)
	end(&c.stop, e)
	end(&c.restart, e)
}
