//go:build !linux && !darwin && !freebsd

package remote

import (
	"errors"
	"net"
)

const (
	peersKnown    = false
	maxSocketPath = 100
)

func processOf(*net.UnixConn) (*process, error) { return nil, errors.ErrUnsupported }
