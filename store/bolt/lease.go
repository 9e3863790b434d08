package bolt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/espalier-go/espalier/store"
)

// A lease lives as long as this process. Its fields are guarded by the store's mu.
type lease struct {
	ttl    time.Duration
	end    time.Time
	ending bool // set once it cannot be renewed any more
	timer  *time.Timer
}

// retry is how long after a failure the end of a lease is tried again.
const retry = time.Second

// Lease implements [store.Store]. It grants any positive time. A lease ends with the
// process, and its entries at the latest when the file is opened again.
func (s *Store) Lease(ctx context.Context, ttl time.Duration) (store.LeaseID, time.Duration, error) {
	if ttl <= 0 {
		return 0, 0, s.wrap("lease", fmt.Errorf("%w: a time to live of %v: use a positive one", store.ErrArguments, ttl))
	}
	if s.options.ReadOnly {
		return 0, 0, s.wrap("lease", ErrReadOnly)
	}
	if err := s.check(ctx); err != nil {
		return 0, 0, s.wrap("lease", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := store.LeaseID(rand.Int64N(1<<62) + 1) // unlike those of earlier processes
	l := &lease{ttl: ttl, end: time.Now().Add(ttl)}
	l.timer = time.AfterFunc(ttl, func() { s.expire(id) })
	s.leases[id] = l
	return id, ttl, nil
}

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, id store.LeaseID) error {
	if err := s.check(ctx); err != nil {
		return s.wrap("renew", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	if l == nil || l.ending {
		return s.wrap("renew", store.ErrLeaseGone)
	}
	l.end = time.Now().Add(l.ttl)
	l.timer.Reset(l.ttl)
	return nil
}

// Revoke implements [store.Store].
func (s *Store) Revoke(ctx context.Context, id store.LeaseID) error {
	if err := s.check(ctx); err != nil {
		return s.wrap("revoke", err)
	}
	if !s.hasLease(id) {
		return s.wrap("revoke", store.ErrLeaseGone)
	}
	if err := s.send(ctx, s.endOf(id, true)); err != nil {
		return s.wrap("revoke", err)
	}
	return nil
}

// hasLease reports whether a lease has not ended.
func (s *Store) hasLease(id store.LeaseID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	return l != nil && !l.ending
}

// expire asks the writer to end a lease whose timer has fired.
func (s *Store) expire(id store.LeaseID) {
	s.enqueue(s.endOf(id, false)) // an error means that the store was closed
}

// endOf returns the request that ends a lease. If it is not forced, the lease may have
// been renewed meanwhile.
func (s *Store) endOf(id store.LeaseID, forced bool) *request {
	begun := false
	return &request{
		call: func(w *transaction) error {
			if begun = s.beginEnd(id, forced); !begun {
				if forced {
					return store.ErrLeaseGone
				}
				return nil
			}
			return w.endLease(id)
		},
		settle: func(err error) {
			if begun {
				s.settleEnd(id, forced, err)
			}
		},
	}
}

// beginEnd decides that a lease ends, and reports whether it does.
func (s *Store) beginEnd(id store.LeaseID, forced bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	if l == nil || l.ending && forced {
		return false
	}
	if left := time.Until(l.end); left > 0 && !forced {
		l.timer.Reset(left)
		return false
	}
	l.ending = true
	return true
}

// settleEnd is called when the entries of a lease were deleted, or could not be. A lease
// that was revoked without success goes on. One that has expired is tried again.
func (s *Store) settleEnd(id store.LeaseID, forced bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	switch {
	case l == nil || s.end != nil:
	case err == nil:
		l.timer.Stop()
		delete(s.leases, id)
	case forced:
		l.ending = false
	default:
		l.timer.Reset(retry)
	}
}
