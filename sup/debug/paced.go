package debug

import (
	"net/http"
	"time"
)

// pacedPart is how much a client has to take within the time that a write may take,
// in bytes.
const pacedPart = 64 << 10

// A pacedWriter gives up on a client that does not read: each part of an answer
// has its own deadline. The answer of a page is in memory until it is written.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// paced returns a writer with deadlines, unless the server has set one.
func paced(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		return w
	}
	return &pacedWriter{w, http.NewResponseController(w)}
}

func (w *pacedWriter) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), pacedPart)]
		// A writer without deadlines is one of a test, which reads.
		_ = w.control.SetWriteDeadline(time.Now().Add(stalled))
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err // the deadline stays: the server would write the rest
		}
		b = b[len(part):]
	}
	// The connection may be used again, for what has no deadline.
	_ = w.control.SetWriteDeadline(time.Time{})
	return written, nil
}

// Unwrap is for [http.ResponseController].
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
