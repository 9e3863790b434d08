package kv

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/store"
)

// A Mirror has all keys and values of a [Stored] in memory, and follows its changes. Its
// reads cost no I/O and return no error. They may be stale, and never go backwards. All
// methods are safe for concurrent use.
type Mirror[K comparable, V any] struct {
	stored *Stored[K, V]
	values Context[K, V]
	cancel context.CancelFunc
	done   chan struct{} // closed when the Mirror no longer follows

	rev       atomic.Int64
	confirmed atomic.Int64 // when the store last confirmed the state, in time since began
	began     time.Time

	mu    sync.Mutex
	fault error       // why the Mirror does not follow at the moment; nil if it does
	bad   map[K]error // values that could not be decoded
}

// Mirror returns a Mirror of s that is up to date, and follows s until ctx ends or
// [Mirror.Close] is called. The error is a [CodecError] if a value cannot be decoded, or
// one of the store.
func (s *Stored[K, V]) Mirror(ctx context.Context) (*Mirror[K, V], error) {
	began := time.Now()
	values, rev, err := s.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &Mirror[K, V]{stored: s, cancel: cancel, done: make(chan struct{}), began: began}
	for key, value := range values {
		m.values.Set(key, value)
	}
	m.rev.Store(int64(rev))
	go m.follow(ctx)
	return m, nil
}

// Close stops following, and waits until it has stopped. The values stay readable.
func (m *Mirror[K, V]) Close() {
	m.cancel()
	<-m.done
}

// Get returns the value of key and whether key is present. It takes no lock and does not
// allocate.
func (m *Mirror[K, V]) Get(key K) (V, bool) { return m.values.Get(key) }

// Len returns the number of keys.
func (m *Mirror[K, V]) Len() int { return m.values.Len() }

// All returns an iterator over the keys and values. It iterates like [Context.All].
func (m *Mirror[K, V]) All() iter.Seq2[K, V] { return m.values.All() }

// Watch is [Context.Watch] for the changes that the Mirror receives.
func (m *Mirror[K, V]) Watch(ctx context.Context, key K, buffer int) iter.Seq[Change[K, V]] {
	return m.values.Watch(ctx, key, buffer)
}

// WatchAll is [Context.WatchAll] for the changes that the Mirror receives.
func (m *Mirror[K, V]) WatchAll(ctx context.Context, buffer int) iter.Seq[Change[K, V]] {
	return m.values.WatchAll(ctx, buffer)
}

// Rev returns the revision that the Mirror has reached. All changes up to it are in the
// Mirror.
func (m *Mirror[K, V]) Rev() store.Rev { return store.Rev(m.rev.Load()) }

// Age returns the time since the store last confirmed that the Mirror was up to date. It
// is at most a little more than [store.ProgressInterval] while the store can be reached.
func (m *Mirror[K, V]) Age() time.Duration {
	return max(time.Since(m.began)-time.Duration(m.confirmed.Load()), 0)
}

// Err returns why the Mirror does not follow at the moment, joined with a [CodecError] for
// each key whose value could not be decoded. Such a key keeps its value of before. It
// returns nil if all is well.
func (m *Mirror[K, V]) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	errs := []error{m.fault}
	for _, err := range m.bad {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// follow follows the changes until ctx ends or the store is closed. After other errors it
// goes on from where it was.
func (m *Mirror[K, V]) follow(ctx context.Context) {
	defer close(m.done)
	defer m.cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		before := m.Rev()
		err := m.watch(ctx)
		if errors.Is(err, store.ErrCompacted) {
			if err = m.relist(ctx); err == nil {
				wait = 10 * time.Millisecond
				continue
			}
		}
		m.setFault(err)
		if errors.Is(err, store.ErrClosed) || m.Rev() > before {
			wait = 10 * time.Millisecond
		}
		if errors.Is(err, store.ErrClosed) || pause(ctx, wait) != nil {
			return
		}
	}
}

// watch applies changes until the store reports an error.
func (m *Mirror[K, V]) watch(ctx context.Context) error {
	s := m.stored
	for batch, err := range s.spec.Store.Watch(ctx, s.root, m.Rev()) {
		if err != nil {
			return err
		}
		for _, e := range batch.Events {
			change, err := s.changeOf(e)
			m.apply(change, err)
		}
		m.reached(batch.Rev)
		m.setFault(nil)
	}
	return errors.New("watch ended without an error")
}

func (m *Mirror[K, V]) apply(change StoredChange[K, V], err error) {
	switch {
	case err != nil:
	case change.Present:
		m.values.Set(change.Key, change.Value)
	default:
		m.values.Delete(change.Key)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		delete(m.bad, change.Key)
		return
	}
	if m.bad == nil {
		m.bad = make(map[K]error)
	}
	m.bad[change.Key] = err
}

// relist makes the Mirror equal to the present state, after changes were lost.
func (m *Mirror[K, V]) relist(ctx context.Context) error {
	entries, rev, err := m.stored.list(ctx)
	if err != nil {
		return err
	}
	if rev < m.Rev() {
		return errors.New("the store has gone back to an earlier revision")
	}
	present := make(map[K]bool, len(entries))
	for _, e := range entries {
		change, err := m.stored.changeOf(store.Event{Entry: e})
		present[change.Key] = true
		if e.Modified > m.Rev() {
			m.apply(change, err)
		}
	}
	for key := range m.values.Keys() {
		if !present[key] {
			m.apply(StoredChange[K, V]{Key: key}, nil)
		}
	}
	m.reached(rev)
	return nil
}

func (m *Mirror[K, V]) reached(rev store.Rev) {
	m.rev.Store(max(m.rev.Load(), int64(rev)))
	m.confirmed.Store(int64(time.Since(m.began)))
}

func (m *Mirror[K, V]) setFault(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}
