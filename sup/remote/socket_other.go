//go:build !linux && !darwin && !freebsd

package remote

import (
	"context"
	"errors"
	"io/fs"
	"net"
)

func listenUnix(context.Context, string, fs.FileMode) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}
