//go:build !unix

package systemd

import (
	"errors"
	"os"
)

func checkOpen(int) error { return errors.ErrUnsupported }

func inherit(int) *os.File { return nil }

func duplicate(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
