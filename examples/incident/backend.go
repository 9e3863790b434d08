package main

import (
	"errors"
	"sync"
	"time"
)

// A Backend is a machine that the cache needs. It has one outage.
type Backend struct {
	mu    sync.Mutex
	up    chan struct{} // closed when connections are lost
	until time.Time     // the end of the outage
}

func newBackend() *Backend { return &Backend{up: make(chan struct{})} }

var (
	errReset   = errors.New("connection reset by peer")
	errRefused = errors.New("connection refused")
)

// fail closes all connections, and refuses new ones for d.
func (b *Backend) fail(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Now().Add(d)
	close(b.up)
	b.up = make(chan struct{})
}

// connect returns a channel that is closed when the connection is lost.
func (b *Backend) connect() (lost <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		return nil, errRefused
	}
	return b.up, nil
}
