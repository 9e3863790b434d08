//go:build !unix

package proc

import "errors"

func writeFD(int, string) error { return errors.ErrUnsupported }
