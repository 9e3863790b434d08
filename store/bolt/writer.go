package bolt

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/store"
)

// A request waits for the writer.
type request struct {
	txs     []store.Tx               // to commit; or
	call    func(*transaction) error // to carry out
	settle  func(err error)          // called by the writer with the outcome of call; may be nil
	size    int                      // bytes that the file may grow by; 0 if nothing is set
	state   atomic.Int32             // waiting, taken or withdrawn
	done    chan struct{}            // closed when results and err are set
	results []store.Result
	err     error
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, tx store.Tx) (store.Result, error) {
	results, err := s.CommitEach(ctx, []store.Tx{tx})
	if err != nil {
		return store.Result{}, err
	}
	return results[0], nil
}

// CommitEach implements [store.Store].
func (s *Store) CommitEach(ctx context.Context, txs []store.Tx) ([]store.Result, error) {
	if err := limits.Check(txs...); err != nil {
		return nil, s.wrap("commit", err)
	}
	r := &request{}
	r.txs, r.size = copied(txs)
	err := s.send(ctx, r)
	if err != nil {
		return nil, s.wrap("commit", err)
	}
	return r.results, nil
}

// copied returns transactions with copies of their values, because the writer may still
// need them when ctx has ended, and the number of bytes that they need in the file.
func copied(txs []store.Tx) ([]store.Tx, int) {
	size := 0
	list := make([]store.Tx, len(txs))
	for i, tx := range txs {
		list[i] = store.Tx{If: append([]store.Cond(nil), tx.If...), Read: append([]string(nil), tx.Read...)}
		for _, op := range tx.Do {
			if op.Delete {
				op = store.Delete(op.Key)
			} else {
				op.Value = append([]byte{}, op.Value...)
				size += 2*(len(op.Key)+len(op.Value)) + 128 // in entries and in history
			}
			list[i].Do = append(list[i].Do, op)
		}
	}
	return list, size
}

// send passes a request to the writer, and waits for its outcome.
func (s *Store) send(ctx context.Context, r *request) error {
	if s.options.ReadOnly {
		return ErrReadOnly
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(waiting, withdrawn) {
		return context.Cause(ctx)
	}
	select {
	case <-r.done: // settled at the same moment
		return r.err
	default:
		return store.Unknown(context.Cause(ctx))
	}
}

func (s *Store) enqueue(r *request) error {
	r.done = make(chan struct{})
	s.mu.Lock()
	if s.end != nil {
		s.mu.Unlock()
		return s.end
	}
	s.pending = append(s.pending, r)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // a token is there already
	}
	return nil
}

// Limits of one transaction of the file.
const (
	maxRequests = 1000
	maxSize     = 16 << 20
)

// take returns the requests for the next transaction. It returns why
// the store was closed if it was.
func (s *Store) take() (batch []*request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for len(s.pending) > 0 && len(batch) < maxRequests && size < maxSize {
		r := s.pending[0]
		s.pending[0] = nil
		s.pending = s.pending[1:]
		if r.state.CompareAndSwap(waiting, taken) {
			batch = append(batch, r)
			size += r.size
		}
	}
	return batch, s.end
}

// runWriter carries out the requests, in order, until the store is closed.
func (s *Store) runWriter() {
	for {
		batch, end := s.take()
		switch {
		case end != nil && len(batch) == 0:
			return
		case end != nil:
			settle(batch, end)
		case len(batch) > 0:
			s.write(batch)
		default:
			select {
			case <-s.wake:
			case <-s.stop:
			}
		}
	}
}

// settle ends requests. err is the outcome of those that have no error of their own.
func settle(batch []*request, err error) {
	for _, r := range batch {
		if r.err == nil {
			r.err = err
		}
		if r.settle != nil {
			r.settle(r.err)
		}
		close(r.done)
	}
}

// write carries out requests in one transaction of the file.
func (s *Store) write(batch []*request) {
	unknown := false
	err := s.guarded(func() (err error) {
		unknown, err = s.writeTransaction(batch)
		return err
	})
	if unknown {
		s.fail(err)
		err = store.Unknown(err)
	} else if _, broken := err.(*brokenError); broken {
		err = store.Unknown(err)
	}
	settle(batch, err)
}

// writeTransaction reports whether the outcome is unknown if it returns an error.
func (s *Store) writeTransaction(batch []*request) (unknown bool, err error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return false, err
	}
	w, err := s.newTransaction(tx)
	if err == nil {
		for _, r := range batch {
			if r.err = w.perform(r); r.err != nil && w.err != nil {
				break
			}
		}
		err = w.err
	}
	if err == nil && w.changed {
		err = w.forget(w.rev - store.History)
	}
	if err != nil || !w.changed {
		tx.Rollback()
		if err != nil {
			for _, r := range batch {
				r.results, r.err = nil, nil // nothing has happened
			}
		}
		return false, err
	}
	id := tx.ID()
	if err := tx.Commit(); err != nil {
		for _, r := range batch {
			r.results = nil
		}
		return s.happened(id), err
	}
	s.publish()
	return false, nil
}

// happened reports whether a transaction whose commit has failed is in the file all the
// same. It then may or may not be there after a failure of the power.
func (s *Store) happened(id int) bool {
	seen := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		seen = tx.ID() >= id
		return nil
	})
	return err != nil || seen
}

// publish wakes the watches.
func (s *Store) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// runFlusher flushes commits, for Sync: Interval(d).
func (s *Store) runFlusher() {
	ticker := time.NewTicker(s.options.Sync.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.stop:
			return
		}
		s.mu.Lock()
		dirty := s.dirty
		s.dirty = false
		s.mu.Unlock()
		if !dirty {
			continue
		}
		if err := s.db.Sync(); err != nil {
			s.fail(fmt.Errorf("flush of commits that have returned: %w", err))
		}
	}
}
