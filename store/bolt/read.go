package bolt

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/store"
)

// limits restrict keys and values as every store does. The number of operations is not
// limited.
var limits = store.Limits{Key: store.MaxKey, Value: store.MaxValue}

// Limits implements [store.Store]. A call may have any number of operations.
func (s *Store) Limits() store.Limits { return limits }

// check returns the error of a call that must not begin.
func (s *Store) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

// view reads the file at one revision.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	err := s.guarded(func() error { return s.db.View(f) })
	if err != nil {
		if closed := s.check(ctx); closed != nil {
			return closed // bbolt was closed meanwhile
		}
	}
	return err
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (e store.Entry, err error) {
	if err := limits.CheckKey(key); err != nil {
		return store.Entry{}, s.wrap("get", err)
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		e, err = get(tx.Bucket(entries), key)
		return err
	})
	if err != nil {
		return store.Entry{}, s.wrap("get", err)
	}
	return e, nil
}

// get returns the entry of a key, which has the key even if it is absent.
func get(b *bbolt.Bucket, key string) (store.Entry, error) {
	record := b.Get([]byte(key))
	if record == nil {
		return store.Entry{Key: key}, nil
	}
	return decodeEntry([]byte(key), record)
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, prefix string) (list []store.Entry, rev store.Rev, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		if rev, err = revOf(tx); err != nil {
			return err
		}
		c := tx.Bucket(entries).Cursor()
		p := []byte(prefix)
		for key, record := c.Seek(p); key != nil && bytes.HasPrefix(key, p); key, record = c.Next() {
			e, err := decodeEntry(key, record)
			if err != nil {
				return err
			}
			if list = append(list, e); len(list)%1000 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, s.wrap("list", err)
	}
	return list, rev, nil
}

// revOf returns the revision of a file.
func revOf(tx *bbolt.Tx) (store.Rev, error) {
	if key, _ := tx.Bucket(history).Cursor().Last(); key != nil {
		return decodeRev(key)
	}
	return 0, nil
}

// compactedOf returns the revision up to which the changes are no longer known.
func compactedOf(tx *bbolt.Tx) (store.Rev, error) {
	if key, _ := tx.Bucket(history).Cursor().First(); key != nil {
		rev, err := decodeRev(key)
		return rev - 1, err
	}
	return 0, nil
}
