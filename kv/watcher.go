package kv

import (
	"sync"
	"sync/atomic"
)

// watchers are the watchers of one Context.
//
// Locks are taken in this order: entry.mu, watchers.mu, watcher.mu.
type watchers[K comparable, V any] struct {
	count atomic.Int64 // number of watchers; written under mu, read by every write

	mu  sync.RWMutex // held for reading to publish
	all map[*watcher[K, V]]struct{}
	key map[K]map[*watcher[K, V]]struct{}
}

func (ws *watchers[K, V]) addAll(w *watcher[K, V]) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = make(map[*watcher[K, V]]struct{})
	}
	ws.all[w] = struct{}{}
	ws.count.Add(1)
}

func (ws *watchers[K, V]) removeAll(w *watcher[K, V]) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if _, ok := ws.all[w]; ok {
		delete(ws.all, w)
		ws.count.Add(-1)
	}
}

func (ws *watchers[K, V]) addKey(key K, w *watcher[K, V]) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.key == nil {
		ws.key = make(map[K]map[*watcher[K, V]]struct{})
	}
	if ws.key[key] == nil {
		ws.key[key] = make(map[*watcher[K, V]]struct{})
	}
	ws.key[key][w] = struct{}{}
	ws.count.Add(1)
}

func (ws *watchers[K, V]) removeKey(key K, w *watcher[K, V]) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if _, ok := ws.key[key][w]; !ok {
		return
	}
	delete(ws.key[key], w)
	if len(ws.key[key]) == 0 {
		delete(ws.key, key)
	}
	ws.count.Add(-1)
}

// publish queues a change of key for its watchers: the value at p, or a deletion
// if p is nil. The caller holds the lock of the key's entry, so changes of one key
// are published in their order.
func (ws *watchers[K, V]) publish(key K, p *V) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	for w := range ws.all {
		w.put(change[K, V]{key, p})
	}
	for w := range ws.key[key] {
		w.put(change[K, V]{key, p})
	}
}

// A change is a [Change] that waits for a reader. It shares the value, which is
// never modified, with the entry.
type change[K comparable, V any] struct {
	key   K
	value *V // nil if the key was deleted
}

// A watcher is a bounded queue of changes that drops the oldest when it is full.
type watcher[K comparable, V any] struct {
	wake  chan struct{} // holds one token if there may be changes
	limit int

	mu      sync.Mutex     // protects the fields below
	ring    []change[K, V] // of length 0 to limit, grows as needed
	head, n int            // ring[head] is the oldest of n changes
	skipped int            // number of changes dropped since the last take
}

func newWatcher[K comparable, V any](buffer int) *watcher[K, V] {
	if buffer < 1 {
		buffer = DefaultBuffer
	}
	return &watcher[K, V]{wake: make(chan struct{}, 1), limit: buffer}
}

func (w *watcher[K, V]) put(item change[K, V]) {
	w.mu.Lock()
	switch {
	case w.n == w.limit:
		w.popLocked()
		w.skipped++
	case w.n == len(w.ring):
		w.growLocked()
	}
	w.ring[(w.head+w.n)%len(w.ring)] = item
	w.n++
	w.mu.Unlock()

	select {
	case w.wake <- struct{}{}:
	default: // a token is there already
	}
}

// take removes and returns the oldest change, if there is one.
func (w *watcher[K, V]) take() (next Change[K, V], ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return next, false
	}
	item := w.popLocked()
	next = Change[K, V]{Key: item.key, Skipped: w.skipped}
	if item.value != nil {
		next.Value, next.Present = *item.value, true
	}
	w.skipped = 0
	return next, true
}

func (w *watcher[K, V]) popLocked() change[K, V] {
	item := w.ring[w.head]
	w.ring[w.head] = change[K, V]{} // release the value
	w.head = (w.head + 1) % len(w.ring)
	w.n--
	return item
}

func (w *watcher[K, V]) growLocked() {
	ring := make([]change[K, V], min(w.limit, max(8, 2*len(w.ring))))
	n := copy(ring, w.ring[w.head:])
	copy(ring[n:], w.ring[:w.head])
	w.ring, w.head = ring, 0
}
