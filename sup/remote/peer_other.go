//go:build !linux && !darwin && !freebsd

package remote

import (
	"errors"
	"net"
)

const (
	hasPeerCredentials = false
	maxSocketPath      = 100
)

func peerProcess(*net.UnixConn) (*process, error) { return nil, errors.ErrUnsupported }
