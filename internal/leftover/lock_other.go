//go:build !unix || solaris || aix

package leftover

import (
	"errors"
	"fmt"
	"os"
)

// takeLock takes nothing: this system has no locks that end with their program.
// So directories can be created, and are never swept.
func takeLock(path string, create bool) (*os.File, error) {
	if create {
		return nil, nil
	}
	return nil, fmt.Errorf("leftover: lock %s: %w", path, errors.ErrUnsupported)
}

// Flock returns [errors.ErrUnsupported].
func Flock(file *os.File) error {
	return fmt.Errorf("leftover: lock %s: %w", file.Name(), errors.ErrUnsupported)
}

func own(string) bool { return true }
