package debug

import (
	"context"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
)

const (
	// tick is the shortest time between two messages of a stream: ten a second.
	tick = 100 * time.Millisecond
	// idle is how often a stream looks whether something has changed that no
	// event tells, such as the window of an intensity that slides.
	idle = time.Second
	// alive is how often it writes something in any case, so that both sides
	// notice when the other is gone.
	alive = 15 * time.Second
	// stalled is how long a write may take.
	stalled = 10 * time.Second
	// share is the part of the time that the making of messages may take, and
	// rate how many bytes of them there may be in a second.
	share = 10
	rate  = 4 << 20
)

// A stream is a response of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	written time.Time // when something was, last
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect it
	return &stream{w: w, control: http.NewResponseController(w)}
}

// open tells the client that the stream is there, and when to come back.
func (s *stream) open() error { return s.write("retry: 1000\n\n") }

// send writes a message, which is one line, under an id that a client which
// comes back will name; "" for none.
func (s *stream) send(id string, b []byte) error {
	if id != "" {
		id = "id: " + id + "\n"
	}
	return s.write(id + "data: " + string(termtext.JSON(b)) + "\n\n")
}

// keepAlive writes a comment if nothing was written for some time.
func (s *stream) keepAlive() error {
	if time.Since(s.written) < alive {
		return nil
	}
	return s.write(":\n\n")
}

// write replaces the time that the server gives an answer, which a stream
// outlives, by one for each write; where there is none to set, none is needed.
// Between writes there is none: over HTTP/2 it resets the stream when it is
// reached, also a quiet one. After a write that failed it stays, since the server
// would write the end of the answer to a client that does not read.
func (s *stream) write(text string) error {
	s.written = time.Now()
	_ = s.control.SetWriteDeadline(s.written.Add(stalled))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	return nil
}

// rest is how long a stream waits after a message that took so long to make and
// was so long.
func rest(took time.Duration, size int) time.Duration {
	return max(tick, (share-1)*took, time.Duration(size)*time.Second/rate)
}

// sleep waits, and reports false if ctx ends meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
