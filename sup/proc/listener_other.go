//go:build !unix

package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
)

type openSocket interface {
	Socket
	Close() error
}

func open(network, address string) (openSocket, error) {
	return nil, fmt.Errorf("listen %s %s: a process of this system inherits no socket: %w", network, address, errors.ErrUnsupported)
}

func inheritable(file *os.File) (*os.File, net.Addr, error) {
	file.Close()
	return nil, nil, errors.ErrUnsupported
}
