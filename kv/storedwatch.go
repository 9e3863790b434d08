package kv

import (
	"context"
	"errors"
	"iter"

	"github.com/espalier-go/espalier/store"
)

// A StoredChange describes one change of one key of a [Stored], or the state after changes
// were lost.
type StoredChange[K comparable, V any] struct {
	Rev     store.Rev
	Key     K
	Value   V    // the zero V if Present is false
	Present bool // false if the key was deleted

	// Resync, if not nil, says that changes were lost, and is the state of all watched keys
	// at Rev. Key, Value and Present have no meaning then. Changes go on after Rev.
	Resync map[K]V
}

// Watch returns an iterator over the changes of key after a revision. It begins when it is
// ranged over, and waits for further changes.
//
// It yields every change in order. If the store no longer knows the changes after that
// revision, it yields the state instead, as a Resync. A value that cannot be decoded is
// yielded as a [CodecError], with its Key and Rev, and the watch goes on. Any other error,
// such as the cause of ctx, ends it. To resume, pass the Rev of the last change. To begin
// now, pass that of a [Stored.Snapshot].
func (s *Stored[K, V]) Watch(ctx context.Context, key K, after store.Rev) iter.Seq2[StoredChange[K, V], error] {
	at, err := s.keyOf(key)
	return s.watch(ctx, at, after, err, func(e store.Entry) bool { return e.Key == at })
}

// WatchAll is like [Stored.Watch] for all keys together.
func (s *Stored[K, V]) WatchAll(ctx context.Context, after store.Rev) iter.Seq2[StoredChange[K, V], error] {
	return s.watch(ctx, s.root, after, s.Fault(), func(store.Entry) bool { return true })
}

func (s *Stored[K, V]) watch(ctx context.Context, prefix string, after store.Rev, fault error, wanted func(store.Entry) bool) iter.Seq2[StoredChange[K, V], error] {
	return func(yield func(StoredChange[K, V], error) bool) {
		if fault != nil {
			yield(StoredChange[K, V]{}, s.callError("watch", nil, fault))
			return
		}
		for {
			err := s.watchFrom(ctx, prefix, &after, wanted, yield)
			if err == nil {
				return
			}
			if errors.Is(err, store.ErrCompacted) {
				if err = s.resync(ctx, prefix, &after, wanted, yield); err == errStopped {
					return
				}
			}
			if err != nil {
				yield(StoredChange[K, V]{}, s.callError("watch", nil, err))
				return
			}
		}
	}
}

// errStopped says that the loop over a watch has ended.
var errStopped = errors.New("loop ended")

// watchFrom yields changes until the store reports an error, or returns nil when the loop
// has ended. It moves after along.
func (s *Stored[K, V]) watchFrom(ctx context.Context, prefix string, after *store.Rev, wanted func(store.Entry) bool, yield func(StoredChange[K, V], error) bool) error {
	for batch, err := range s.spec.Store.Watch(ctx, prefix, *after) {
		if err != nil {
			return err
		}
		for _, e := range batch.Events {
			if !wanted(e.Entry) {
				continue
			}
			if change, err := s.changeOf(e); !yield(change, err) {
				return nil
			}
		}
		*after = batch.Rev
	}
	return errors.New("watch ended without an error")
}

func (s *Stored[K, V]) changeOf(e store.Event) (change StoredChange[K, V], err error) {
	change.Rev, change.Present = e.Modified, !e.Deleted
	if change.Key, err = s.decodeKey(e.Entry); err == nil && change.Present {
		change.Value, _, err = s.decode(e.Entry)
	}
	return change, err
}

// resync yields the state, and moves after to its revision. Values that cannot be decoded
// are yielded after it, as errors.
func (s *Stored[K, V]) resync(ctx context.Context, prefix string, after *store.Rev, wanted func(store.Entry) bool, yield func(StoredChange[K, V], error) bool) error {
	entries, rev, err := s.spec.Store.List(ctx, prefix)
	if err != nil {
		return err
	}
	change := StoredChange[K, V]{Rev: rev, Resync: make(map[K]V, len(entries))}
	var bad []store.Entry
	for _, e := range entries {
		if !wanted(e) {
			continue
		}
		one, err := s.changeOf(store.Event{Entry: e})
		if err != nil {
			bad = append(bad, e)
			continue
		}
		change.Resync[one.Key] = one.Value
	}
	*after = rev
	if !yield(change, nil) {
		return errStopped
	}
	for _, e := range bad {
		if one, err := s.changeOf(store.Event{Entry: e}); !yield(one, err) {
			return errStopped
		}
	}
	return nil
}
