package httpsup

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// deadliner is a listener whose Accept can be interrupted.
type deadliner interface {
	net.Listener
	SetDeadline(time.Time) error
}

// use returns a listener that accepts from ln, and whose Close leaves ln open.
func use(ln net.Listener) (net.Listener, error) {
	d, ok := ln.(deadliner)
	if !ok {
		return nil, fmt.Errorf("listener of type %T without SetDeadline (give one of package net, or use New)", ln)
	}
	if err := d.SetDeadline(time.Time{}); err != nil { // the last incarnation has set one
		return nil, err
	}
	return &view{deadliner: d, closed: make(chan struct{})}, nil
}

// A view is a listener that one incarnation uses. Connections that come after its Close
// wait in the queue of the system.
type view struct {
	deadliner
	once   sync.Once
	closed chan struct{}
}

// Accept implements [net.Listener]. After Close it returns [net.ErrClosed].
func (v *view) Accept() (net.Conn, error) {
	conn, err := v.deadliner.Accept()
	if err != nil {
		select {
		case <-v.closed:
			return nil, &net.OpError{Op: "accept", Net: v.Addr().Network(), Addr: v.Addr(), Err: net.ErrClosed}
		default:
		}
	}
	return conn, err
}

// Close implements [net.Listener]. It interrupts Accept.
func (v *view) Close() error {
	var err error
	v.once.Do(func() {
		close(v.closed)
		err = v.SetDeadline(time.Unix(1, 0))
	})
	return err
}
