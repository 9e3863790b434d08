package proc

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// drainLimit is how much is read from a pipe after the end of the process. It is
	// the capacity of a pipe on Linux, unless root has changed it. A descendant that
	// still writes then is not read any further.
	drainLimit = 1 << 20
	// drainTimeout is how long the output may take to end after the process, on
	// systems where a read of a pipe has no deadline.
	drainTimeout = time.Second
)

// pipe is the host's end of a pipe that a process writes to. It is read until all
// writers have closed it or the process has ended: a pipe that another process has
// inherited may stay open forever.
type pipe struct {
	file    *os.File
	consume func([]byte) // called with each piece of output, in order
	flush   func()       // called after the last piece
	piped   bool         // the caller reads the pipe

	mu      sync.Mutex // guards the rest; held during a read, which finish interrupts
	drained bool       // nothing is left in the file
	flushed bool       // flush was called
	rest    []byte     // read by drainLocked, and not yet by the caller
}

// Read implements [io.Reader].
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.drained {
		n, err := p.file.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			p.consume(b[:n])
			if err != nil {
				p.flushLocked()
			}
			return n, err
		}
		p.drainLocked()
	}
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close implements [io.Closer].
func (p *pipe) Close() error { return p.file.Close() }

// discard reads the pipe until its end, in place of the caller.
func (p *pipe) discard() { _, _ = io.Copy(io.Discard, p) }

// finish reads what is left in the pipe, and closes it. It is called when the
// process has ended.
func (p *pipe) finish() {
	// The deadline ends a blocked Read, which holds mu.
	if err := p.file.SetReadDeadline(time.Unix(0, 0)); err != nil {
		timer := time.AfterFunc(drainTimeout, func() { p.file.Close() })
		defer timer.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.drained {
		p.drainLocked()
	}
}

func (p *pipe) drainLocked() {
	p.drained = true
	_ = p.file.SetReadDeadline(time.Time{}) // a past deadline would fail all reads
	p.rest = readAvailable(p.file, drainLimit)
	p.file.Close()
	p.consume(p.rest)
	p.flushLocked()
	if !p.piped {
		p.rest = nil
	}
}

func (p *pipe) flushLocked() {
	if !p.flushed {
		p.flushed = true
		p.flush()
	}
}
