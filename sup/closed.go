package sup

import (
	"io"
	"io/fs"
	"slices"

	"github.com/espalier-go/espalier/internal/foreign"
)

// The texts of the errors of packages that this one does not link. A test compares them
// with these errors.
const (
	httpServerClosed = "http: Server closed"              // http.ErrServerClosed
	netClosed        = "use of closed network connection" // net.ErrClosed
)

// onlyClosed reports whether an error says nothing but that something was closed. A
// worker that is asked to stop often closes what its Run waits for. Unlike errors.Is, it
// does not look for one such error among others: the others may tell of a real failure.
func onlyClosed(err error) bool {
	if err == fs.ErrClosed || err == io.ErrClosedPipe {
		return true
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		below := err.Unwrap()
		return below != nil && onlyClosed(below)
	case interface{ Unwrap() []error }:
		all := err.Unwrap()
		return len(all) > 0 && !slices.ContainsFunc(all, func(below error) bool { return below == nil || !onlyClosed(below) })
	}
	text := foreign.ErrorText(err)
	return text == httpServerClosed || text == netClosed
}
