package proc

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/espalier-go/espalier/sup"
)

// logQueue is how many lines of a process wait for a slow log, before lines are
// dropped.
const logQueue = 256

// lineLog passes the lines of a process on to its logger, in a goroutine of its
// own: neither a slow handler nor a slow rule may hold up the process.
type lineLog struct {
	logger *slog.Logger
	level  func(Line) slog.Level
	mu     sync.Mutex // protects ended, and orders offers before the closing
	ended  bool
	left   []int     // processes left running; set before queue is closed
	queue  chan Line // closed when the process has ended
	unsaid atomic.Int64
	total  atomic.Int64
	hurry  atomic.Bool   // what is left is dropped
	failed chan<- error  // is told of a panic of the handler or the rule
	done   chan struct{} // closed when nothing is left to be logged
}

func newLineLog(c Command, p *Process, path string, incarnation int) *lineLog {
	l := &lineLog{
		logger: c.Logger,
		level:  c.Level,
		queue:  make(chan Line, logQueue),
		failed: p.failed,
		done:   make(chan struct{}),
	}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	if l.level == nil {
		l.level = defaultLevel
	}
	attrs := []any{slog.Int("pid", p.Pid())}
	if path != "" {
		attrs = append([]any{slog.String("path", path), slog.Int("incarnation", incarnation)}, attrs...)
	}
	go l.run(attrs)
	return l
}

func defaultLevel(line Line) slog.Level {
	if line.Stream == Stderr {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// offer hands over a line, or drops it.
func (l *lineLog) offer(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		l.drop()
		return
	}
	select {
	case l.queue <- line:
	default:
		l.drop()
	}
}

// end tells that there are no more lines: the process has ended, and has left
// some processes running.
func (l *lineLog) end(left []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.left = true, left
	close(l.queue)
}

func (l *lineLog) drop() {
	l.unsaid.Add(1)
	l.total.Add(1)
}

func (l *lineLog) run(attrs []any) {
	defer func() {
		for range l.queue { // it did not get to the end
			l.drop()
		}
		close(l.done)
	}()
	contain(l.failed, func() error { l.write(attrs); return nil })
}

func (l *lineLog) write(attrs []any) {
	logger := l.logger.With(attrs...)
	for line := range l.queue {
		if l.hurry.Load() {
			l.drop()
			continue
		}
		l.sayDropped(logger)
		attrs := make([]slog.Attr, 0, 3)
		attrs = append(attrs, slog.String("stream", line.Stream.String()), slog.String("line", line.Text))
		if line.Cut > 0 {
			attrs = append(attrs, slog.Int("cut", line.Cut))
		}
		logger.LogAttrs(context.Background(), l.level(line), "output", attrs...)
	}
	l.sayDropped(logger)
	if len(l.left) > 0 {
		logger.LogAttrs(context.Background(), slog.LevelWarn, "processes left running in the background",
			slog.Any("processes", l.left),
			slog.String("advice", "run the program in the foreground, or set Limits.Cgroup"))
	}
}

func (l *lineLog) sayDropped(logger *slog.Logger) {
	if n := l.unsaid.Swap(0); n > 0 {
		logger.LogAttrs(context.Background(), slog.LevelWarn, "output dropped", slog.Int64("lines", n))
	}
}

// flush waits until all has been logged, or ctx ends; then the rest is dropped.
func (l *lineLog) flush(ctx context.Context) error {
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		l.hurry.Store(true)
		return context.Cause(ctx)
	}
}

// contain calls the caller's code in a goroutine that is not the worker's own,
// where a panic would end the program. It hands on what went wrong, unless
// something has before.
func contain(failed chan<- error, f func() error) {
	var err error
	returned := false
	defer func() {
		if !returned {
			if value := recover(); value != nil {
				err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
			} else {
				err = sup.ErrGoexit
			}
		}
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}()
	err = f()
	returned = true
}
