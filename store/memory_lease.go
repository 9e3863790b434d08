package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A memoryLease is a lease of a Memory. Its fields are guarded by the Memory's mu.
type memoryLease struct {
	ttl   time.Duration
	end   time.Time
	timer *time.Timer
	keys  map[string]struct{}
}

// Lease implements [Store]. It grants any positive time.
func (m *Memory) Lease(ctx context.Context, ttl time.Duration) (LeaseID, time.Duration, error) {
	if ttl <= 0 {
		return 0, 0, callError("lease", fmt.Errorf("%w: a time to live of %v: use a positive one", ErrArguments, ttl))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.beginLocked(ctx); err != nil {
		return 0, 0, callError("lease", err)
	}
	if m.leases == nil {
		m.leases = make(map[LeaseID]*memoryLease)
	}
	m.lastLease++
	id := m.lastLease
	l := &memoryLease{ttl: ttl, end: time.Now().Add(ttl), keys: make(map[string]struct{})}
	l.timer = time.AfterFunc(ttl, func() { m.expire(id) })
	m.leases[id] = l
	return id, ttl, nil
}

// Renew implements [Store].
func (m *Memory) Renew(ctx context.Context, id LeaseID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, err := m.leaseLocked(ctx, id)
	if err != nil {
		return callError("renew", err)
	}
	l.end = time.Now().Add(l.ttl)
	l.timer.Reset(l.ttl)
	return nil
}

// Revoke implements [Store].
func (m *Memory) Revoke(ctx context.Context, id LeaseID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, err := m.leaseLocked(ctx, id)
	if err != nil {
		return callError("revoke", err)
	}
	l.timer.Stop()
	m.endLeaseLocked(id, l)
	return nil
}

func (m *Memory) leaseLocked(ctx context.Context, id LeaseID) (*memoryLease, error) {
	if err := m.beginLocked(ctx); err != nil {
		return nil, err
	}
	if l := m.leases[id]; l != nil {
		return l, nil
	}
	return nil, ErrLeaseGone
}

// expire ends a lease when its timer fires.
func (m *Memory) expire(id LeaseID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[id]
	if l == nil {
		return
	}
	if left := time.Until(l.end); left > 0 { // renewed when the timer had fired
		l.timer.Reset(left)
		return
	}
	m.endLeaseLocked(id, l)
}

func (m *Memory) endLeaseLocked(id LeaseID, l *memoryLease) {
	var c change
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		m.doLocked(Delete(key), &c)
	}
	delete(m.leases, id)
	m.publishLocked(c)
}
