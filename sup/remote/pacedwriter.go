package remote

import (
	"net/http"
	"time"
)

// writeChunk is the number of bytes that are written with one deadline.
const writeChunk = 64 << 10

// A pacedWriter gives each chunk of a response its own write deadline. A client that
// reads slowly receives everything, one that does not read is disconnected.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

// extend sets the deadline of the next write.
func (w *pacedWriter) extend() {
	// Only the writers of tests have no deadlines.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
}

// Write writes b in chunks.
func (w *pacedWriter) Write(b []byte) (written int, err error) {
	for first := true; first || len(b) > 0; first = false {
		chunk := b[:min(len(b), writeChunk)]
		w.extend()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(chunk):]
	}
	return written, nil
}

// WriteHeader sends the header.
func (w *pacedWriter) WriteHeader(status int) {
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, which event streams need.
func (w *pacedWriter) Flush() {
	w.extend()
	if w.control.Flush() == nil { // the next Write reports an error
		// Over HTTP/2 a deadline that passes resets the stream even if nothing is
		// being written.
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// Unwrap returns the underlying writer, for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
