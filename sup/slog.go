package sup

import (
	"context"
	"errors"
	"log/slog"
)

// Log returns an observer that writes each event to a logger. If logger is nil, it is the
// slog.Default() of the time of the call.
//
// The message is the kind of the event, and the level is [Event.Level].
//
// The attributes are path, incarnation, because, exit, err, delay, hostExhausted and
// stack. An attribute without a value is left out.
func Log(logger *slog.Logger) Observer {
	if logger == nil {
		logger = slog.Default()
	}
	return logObserver{logger}
}

type logObserver struct{ logger *slog.Logger }

func (l logObserver) Observe(e Event) {
	level := e.Level()
	ctx := context.Background()
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs, slog.String("path", e.Path))
	if e.Incarnation > 0 {
		attrs = append(attrs, slog.Int("incarnation", e.Incarnation))
	}
	if e.Because != "" {
		attrs = append(attrs, slog.String("because", e.Because))
	}
	if e.Exit.Kind != ExitNone {
		attrs = append(attrs, slog.String("exit", e.Exit.Kind.String()))
	}
	if e.Exit.Err != nil {
		attrs = append(attrs, slog.Any("err", e.Exit.Err))
	}
	if e.Delay > 0 {
		attrs = append(attrs, slog.Duration("delay", e.Delay))
	}
	if e.HostExhausted {
		attrs = append(attrs, slog.Bool("hostExhausted", true))
	}
	if level >= slog.LevelWarn {
		if stack := stackOf(&e); stack != "" {
			attrs = append(attrs, slog.String("stack", stack))
		}
	}
	l.logger.LogAttrs(ctx, level, e.Kind.String(), attrs...)
}

// stackOf returns the stack of an event, or the stack in the error of its exit. It is "" if
// there is neither.
func stackOf(e *Event) string {
	if e.Stack != "" || e.Kind != ChildExited && e.Kind != ObserverPanicked {
		return e.Stack
	}
	if panicked, ok := errors.AsType[*PanicError](e.Exit.Err); ok {
		return panicked.Stack
	}
	if unhealthy, ok := errors.AsType[*UnhealthyError](e.Exit.Err); ok {
		return unhealthy.Stack
	}
	return ""
}
