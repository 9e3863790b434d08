//go:build !unix || solaris || aix

package leftover

import (
	"errors"
	"fmt"
	"os"
)

// openLocked locks nothing, because these systems have no locks that end with their
// program. So directories can be created, but are never swept.
func openLocked(path string, create bool) (*os.File, error) {
	if create {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", path, errors.ErrUnsupported)
}

// Lock returns an error that wraps [errors.ErrUnsupported].
func Lock(file *os.File) error {
	return fmt.Errorf("lock %s: %w", file.Name(), errors.ErrUnsupported)
}

func isOwn(string) bool { return true }
