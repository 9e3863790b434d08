package debug

import (
	"net/http"
	"time"
)

// deadlinePart is how much a client must read within writeTimeout, in bytes.
const deadlinePart = 64 << 10

// A deadlineWriter sets a new deadline for each part of an answer. So a slow client
// gets all of it, and one that does not read loses its connection.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// withWriteDeadlines returns a writer with deadlines, or w if the server has a
// WriteTimeout.
func withWriteDeadlines(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		return w
	}
	return &deadlineWriter{w, http.NewResponseController(w)}
}

func (w *deadlineWriter) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), deadlinePart)]
		// A writer without deadlines, such as a recorder in a test, needs none.
		_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err // the deadline stays, since the server would write the rest
		}
		b = b[len(part):]
	}
	// The connection may be reused for a request without a deadline.
	_ = w.control.SetWriteDeadline(time.Time{})
	return written, nil
}

// Unwrap returns the writer below, for [http.ResponseController].
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
