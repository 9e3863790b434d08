package bolt

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/store"
)

// A transaction is a transaction of the file, with the requests of one round of the
// writer.
type transaction struct {
	s       *Store
	tx      *bbolt.Tx
	entries *bbolt.Bucket
	history *bbolt.Bucket
	leased  *bbolt.Bucket
	rev     store.Rev // of the last request that has changed anything
	changed bool
	room    int64 // bytes left of the quota
	err     error // of bbolt; nothing can be committed
}

func (s *Store) newTransaction(tx *bbolt.Tx) (*transaction, error) {
	rev, err := revOf(tx)
	if err != nil {
		return nil, err
	}
	w := &transaction{s: s, tx: tx, rev: rev, entries: tx.Bucket(entries), history: tx.Bucket(history), leased: tx.Bucket(leased)}
	w.history.FillPercent = 1 // its keys only rise
	if s.options.Quota > 0 {
		stats := s.db.Stats()
		free := int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize)
		w.room = s.options.Quota - (tx.Size() - free)
	}
	return w, nil
}

// perform carries out a request, or returns the error with which it is refused. w.err is
// set if nothing can be committed any more.
func (w *transaction) perform(r *request) error {
	if r.call != nil {
		return r.call(w)
	}
	if w.s.options.Quota > 0 && r.size > 0 {
		if int64(r.size) > w.room {
			return fmt.Errorf("%w: %d bytes of %d in use, and the commit needs %d: delete entries or raise the quota",
				ErrQuota, max(w.s.options.Quota-w.room, 0), w.s.options.Quota, r.size)
		}
		w.room -= int64(r.size)
	}
	results := make([]store.Result, len(r.txs))
	for i, tx := range r.txs {
		var err error
		if results[i].Done, err = w.hold(tx.If); err != nil {
			return err
		}
		for _, key := range tx.Read {
			// An entry that cannot be read refuses this request alone.
			if _, err := get(w.entries, key); err != nil {
				return err
			}
		}
		if !results[i].Done {
			continue
		}
		for _, op := range tx.Do {
			if op.Lease != 0 && !w.s.hasLease(op.Lease) {
				return fmt.Errorf("put of %q: %w", op.Key, store.ErrLeaseGone)
			}
		}
	}
	var events []store.Event
	for i, tx := range r.txs {
		before := len(events)
		if results[i].Done {
			for _, op := range tx.Do {
				if err := w.do(op, &events); err != nil {
					return err
				}
			}
		}
		results[i].Rev = w.rev
		if len(events) > before {
			results[i].Rev = w.rev + 1
		}
		for _, key := range tx.Read {
			e, err := get(w.entries, key)
			if err != nil {
				return w.failed(err) // operations have been done
			}
			results[i].Read = append(results[i].Read, e)
		}
	}
	r.results = results
	return w.record(events)
}

// failed notes an error after which nothing can be committed.
func (w *transaction) failed(err error) error {
	w.err = err
	return err
}

func (w *transaction) hold(conds []store.Cond) (bool, error) {
	for _, cond := range conds {
		e, err := get(w.entries, cond.Key)
		if err != nil {
			return false, err
		}
		if e.Modified != cond.Rev {
			return false, nil
		}
	}
	return true, nil
}

// do carries out an operation in the revision after the last.
func (w *transaction) do(op store.Op, events *[]store.Event) error {
	key := []byte(op.Key)
	old := w.entries.Get(key)
	if op.Delete && old == nil {
		return nil
	}
	e := store.Entry{Key: op.Key, Modified: w.rev + 1}
	var err error
	if op.Delete {
		err = w.entries.Delete(key)
	} else {
		e.Value, e.Lease = op.Value, op.Lease
		err = w.entries.Put(key, encodeEntry(e))
	}
	switch {
	case err != nil:
	case e.Lease != 0:
		err = w.leased.Put(key, nil)
	case old != nil && w.leased.Get(key) != nil:
		err = w.leased.Delete(key)
	}
	if err != nil {
		return w.failed(err)
	}
	*events = append(*events, store.Event{Entry: e, Deleted: op.Delete})
	return nil
}

// record makes events the next revision, unless there are none.
func (w *transaction) record(events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := w.history.Put(encodeRev(w.rev+1), encodeEvents(w.rev+1, events)); err != nil {
		return w.failed(err)
	}
	w.rev++
	w.changed = true
	return nil
}

// slack is by how many revisions the history may be longer than it must, so that most
// commits need not shorten it.
const slack = store.History / 10

// forget deletes the changes up to and including rev, if they are enough to be worth it.
func (w *transaction) forget(rev store.Rev) error {
	first, err := compactedOf(w.tx)
	if err != nil || rev-first < slack {
		return err
	}
	return w.forgetNow(rev)
}

// forgetNow deletes the changes up to and including rev, which is not the last one: the
// last key of history is the revision of the store, and bbolt's cursors do not end in a
// bucket that was emptied in their transaction.
func (w *transaction) forgetNow(rev store.Rev) error {
	c := w.history.Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.First() {
		at, err := decodeRev(key)
		if err != nil {
			return err
		}
		if at > rev {
			return nil
		}
		if err := c.Delete(); err != nil {
			return err
		}
		w.changed = true
	}
	return nil
}

// endLease deletes the entries of one lease in one revision.
func (w *transaction) endLease(id store.LeaseID) error {
	return w.endLeasesIf(func(e store.Entry) bool { return e.Lease == id })
}

// endLeases deletes the entries of all leases in one revision.
func (w *transaction) endLeases() error {
	return w.endLeasesIf(func(store.Entry) bool { return true })
}

func (w *transaction) endLeasesIf(ends func(store.Entry) bool) error {
	var keys []string
	c := w.leased.Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		e, err := get(w.entries, string(key))
		if err != nil {
			return err
		}
		if ends(e) {
			keys = append(keys, string(key))
		}
	}
	var events []store.Event
	for _, key := range keys {
		if err := w.do(store.Delete(key), &events); err != nil {
			return err
		}
	}
	return w.record(events)
}

// Compact forgets the changes up to and including rev, so that a watch from an earlier
// revision ends with [store.ErrCompacted]. It keeps the last change, which has the
// revision of the store. A Store forgets old changes by itself.
func (s *Store) Compact(ctx context.Context, rev store.Rev) error {
	r := &request{call: func(w *transaction) error { return w.forgetNow(min(rev, w.rev-1)) }}
	if err := s.send(ctx, r); err != nil {
		return s.wrap("compact", err)
	}
	return nil
}
