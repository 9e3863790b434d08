package debug

import (
	"context"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/httpsup"
)

const (
	// minInterval is the minimum time between two messages of a stream.
	minInterval = 100 * time.Millisecond
	// pollInterval is how often a stream looks for changes without an event, such as
	// a restart that leaves the window of an intensity.
	pollInterval = time.Second
	// keepAliveInterval is the maximum time without a write, so that both sides
	// notice a lost connection.
	keepAliveInterval = 15 * time.Second
	// writeTimeout is the maximum time of a write.
	writeTimeout = 10 * time.Second
	// loadDivisor limits the time for snapshots to this part of the whole.
	loadDivisor = 10
	// maxRate limits the size of messages, in bytes a second.
	maxRate = 4 << 20
)

// A stream is a response of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	written time.Time // of the last write
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would buffer the stream
	return &stream{w: w, control: http.NewResponseController(w)}
}

// open sends the header, and the time after which a client should reconnect.
func (s *stream) open() error { return s.write("retry: 1000\n\n") }

// send writes a message of one line. A client that reconnects sends the id of the
// last message. If id is empty, the message has none.
func (s *stream) send(id string, b []byte) error {
	if id != "" {
		id = "id: " + id + "\n"
	}
	return s.write(id + "data: " + string(termtext.JSON(b)) + "\n\n")
}

// keepAlive writes a comment unless there was a write recently.
func (s *stream) keepAlive() error {
	if time.Since(s.written) < keepAliveInterval {
		return nil
	}
	return s.write(":\n\n")
}

// write writes with a deadline in place of the server's WriteTimeout, which would end
// the stream. Between writes there is no deadline, since HTTP/2 resets a stream when
// its deadline passes, even if nothing is being written. After a failed write the deadline
// stays, since the server still writes the end of the answer.
func (s *stream) write(text string) error {
	s.written = time.Now()
	_ = s.control.SetWriteDeadline(s.written.Add(writeTimeout)) // a writer without deadlines needs none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	return nil
}

// cancelWhenStopping calls cancel when the server of a request is asked to stop. It returns
// then, or when ctx is done.
func cancelWhenStopping(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-httpsup.Stopping(ctx):
		cancel()
	case <-ctx.Done():
	}
}

// pause returns the time to wait after a message, from the time to produce it and
// its size.
func pause(took time.Duration, size int) time.Duration {
	return max(minInterval, (loadDivisor-1)*took, time.Duration(size)*time.Second/maxRate)
}

// sleep waits for d. It returns false if ctx ends before.
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
