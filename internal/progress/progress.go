// Package progress tells the user of a long command what it is doing. A command that
// says nothing for minutes looks like one that hangs.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Quiet is the longest time without a line while something runs.
const Quiet = 10 * time.Second

// A Log writes lines, and a line about the work in progress when there was no other for
// [Quiet]. Its methods are safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	out     io.Writer
	written chan struct{} // has a value after a line was written
}

// New returns a Log that writes to out.
func New(out io.Writer) *Log { return &Log{out: out, written: make(chan struct{}, 1)} }

// Printf writes a line.
func (l *Log) Printf(format string, args ...any) { l.Print(fmt.Sprintf(format, args...)) }

// Print writes a text. It adds the end of the last line if there is none.
func (l *Log) Print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.out, strings.TrimSuffix(text, "\n")+"\n") // nobody can be told that this fails
	select {
	case l.written <- struct{}{}:
	default:
	}
}

// While calls f and returns its error. Whenever nothing has been written for [Quiet]
// meanwhile, it writes a line with the time since the call and status. status must be
// safe for concurrent use with f. While must not be called again before it has returned.
func (l *Log) While(status func() string, f func() error) error {
	begin, over := time.Now(), make(chan struct{})
	var pulse sync.WaitGroup
	pulse.Go(func() {
		timer := time.NewTimer(Quiet)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				l.Printf("[%s] %s", Elapsed(time.Since(begin)), status())
			case <-l.written:
			case <-over:
				return
			}
			timer.Reset(Quiet)
		}
	})
	defer pulse.Wait()
	defer close(over)
	return f()
}

// Elapsed returns a time for people: 0.4s, 12s or 2m05s.
func Elapsed(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
