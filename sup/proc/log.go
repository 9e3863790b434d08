package proc

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// logQueue is how many lines of a process wait for a slow log before lines are
// dropped.
const logQueue = 256

// lineLog logs the lines of a process in a goroutine of its own, so that neither a
// slow handler nor a slow Level blocks the process.
type lineLog struct {
	logger      *slog.Logger
	level       func(Line) slog.Level
	mu          sync.Mutex // guards closed; held while a line is queued and while queue is closed
	closed      bool
	left        []int     // the processes left running; set before queue is closed
	queue       chan Line // closed when the process has ended
	dropped     atomic.Int64
	discard     atomic.Bool   // set when the rest of the queue is dropped
	callbackErr chan<- error  // see Process.callbackErr
	done        chan struct{} // closed when run has returned
}

func newLineLog(c Command, p *Process, path string, incarnation int) *lineLog {
	l := &lineLog{
		logger:      c.Logger,
		level:       c.Level,
		queue:       make(chan Line, logQueue),
		callbackErr: p.callbackErr,
		done:        make(chan struct{}),
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

// add queues a line, or drops it.
func (l *lineLog) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.dropped.Add(1)
		return
	}
	select {
	case l.queue <- line:
	default:
		l.dropped.Add(1)
	}
}

// close ends the log of a process that has ended, and has left some processes
// running.
func (l *lineLog) close(left []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.left = true, left
	close(l.queue)
}

func (l *lineLog) run(attrs []any) {
	defer func() {
		for range l.queue { // empty unless write has panicked
			l.dropped.Add(1)
		}
		close(l.done)
	}()
	recoverTo(l.callbackErr, func() error { l.write(attrs); return nil })
}

// write logs all lines, and reports the dropped ones where they are missing.
func (l *lineLog) write(attrs []any) {
	logger := l.logger.With(attrs...)
	var reported int64
	reportDropped := func() {
		if dropped := l.dropped.Load(); dropped > reported {
			logger.LogAttrs(context.Background(), slog.LevelWarn, "output dropped", slog.Int64("lines", dropped-reported))
			reported = dropped
		}
	}
	for line := range l.queue {
		if l.discard.Load() {
			l.dropped.Add(1)
			continue
		}
		reportDropped()
		attrs := make([]slog.Attr, 0, 3)
		attrs = append(attrs, slog.String("stream", line.Stream.String()), slog.String("line", line.Text))
		if line.Cut > 0 {
			attrs = append(attrs, slog.Int("cut", line.Cut))
		}
		logger.LogAttrs(context.Background(), l.level(line), "output", attrs...)
	}
	reportDropped()
	if len(l.left) > 0 {
		logger.LogAttrs(context.Background(), slog.LevelWarn, "processes left running in the background",
			slog.Any("processes", l.left),
			slog.String("advice", "run the program in the foreground, or set Limits.Cgroup"))
	}
}

// flush waits until everything is logged. If ctx ends first, the rest is dropped.
func (l *lineLog) flush(ctx context.Context) error {
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		l.discard.Store(true)
		return context.Cause(ctx)
	}
}
