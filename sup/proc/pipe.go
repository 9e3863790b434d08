package proc

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// drainLimit is the most that a pipe can hold on Linux, unless root has it
	// otherwise. Who still writes after the end of a process is no part of it,
	// and is not read any further.
	drainLimit = 1 << 20
	// drainTime is how long the output may take to end after the process, on
	// systems whose pipes cannot be asked what they hold.
	drainTime = time.Second
)

// pipe is the host's end of a pipe that a process writes to. It is read until
// all writers have closed it, or until the process has ended: a pipe that
// somebody else has inherited may stay open for ever.
type pipe struct {
	file  *os.File
	see   func([]byte) // told everything once, in order
	end   func()       // told when there is no more
	piped bool         // the caller reads it

	mu    sync.Mutex // held by who reads; finish cuts a read that waits short
	over  bool       // nothing is left in the file
	ended bool       // end was called
	rest  []byte     // what was left when the process ended
}

// Read implements [io.Reader].
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		n, err := p.file.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			p.see(b[:n])
			if err != nil {
				p.endLocked()
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

// finish takes out of the pipe what is there, and closes it. It is called when
// the process has ended.
func (p *pipe) finish() {
	if err := p.file.SetReadDeadline(time.Unix(0, 0)); err != nil { // no such thing here
		timer := time.AfterFunc(drainTime, func() { p.file.Close() })
		defer timer.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.drainLocked()
	}
}

func (p *pipe) drainLocked() {
	p.over = true
	_ = p.file.SetReadDeadline(time.Time{}) // else it cannot be read at all
	p.rest = readAvailable(p.file, drainLimit)
	p.file.Close()
	p.see(p.rest)
	p.endLocked()
	if !p.piped {
		p.rest = nil
	}
}

func (p *pipe) endLocked() {
	if !p.ended {
		p.ended = true
		p.end()
	}
}
