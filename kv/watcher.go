package kv

import (
	"sync"
	"sync/atomic"
)

// watchers are those of one Context.
//
// Locks are taken in this order: entry.mu, watchers.mu, watcher.mu.
type watchers[K comparable, V any] struct {
	count atomic.Int64 // of watchers; written under mu, read by every write

	mu  sync.RWMutex // held shared to publish
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

// publish tells those concerned that key has taken the value p, or is gone if p
// is nil. The caller holds the lock of the key's entry, so changes of one key are
// published in their order.
func (ws *watchers[K, V]) publish(key K, p *V) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	for w := range ws.all {
		w.put(news[K, V]{key, p})
	}
	for w := range ws.key[key] {
		w.put(news[K, V]{key, p})
	}
}

// news is a Change that is waiting to be taken. It shares the value, which is
// never modified, with the entry.
type news[K comparable, V any] struct {
	key   K
	value *V // nil: deleted
}

// A watcher is a bounded queue that drops its oldest news when it is full.
type watcher[K comparable, V any] struct {
	wake  chan struct{} // holds one token if there may be news
	limit int

	mu      sync.Mutex   // guards what follows
	ring    []news[K, V] // of length 0 to limit, grown as needed
	head, n int          // the oldest is ring[head]; there are n
	skipped int          // dropped since the last take
}

func newWatcher[K comparable, V any](buffer int) *watcher[K, V] {
	if buffer < 1 {
		buffer = DefaultBuffer
	}
	return &watcher[K, V]{wake: make(chan struct{}, 1), limit: buffer}
}

func (w *watcher[K, V]) put(item news[K, V]) {
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
	default: // it is awake already
	}
}

// take returns the oldest news as a Change, if there is any.
func (w *watcher[K, V]) take() (change Change[K, V], ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return change, false
	}
	item := w.popLocked()
	change = Change[K, V]{Key: item.key, Skipped: w.skipped}
	if item.value != nil {
		change.Value, change.Present = *item.value, true
	}
	w.skipped = 0
	return change, true
}

func (w *watcher[K, V]) popLocked() news[K, V] {
	item := w.ring[w.head]
	w.ring[w.head] = news[K, V]{} // let go of the value
	w.head = (w.head + 1) % len(w.ring)
	w.n--
	return item
}

func (w *watcher[K, V]) growLocked() {
	ring := make([]news[K, V], min(w.limit, max(8, 2*len(w.ring))))
	n := copy(ring, w.ring[w.head:])
	copy(ring[n:], w.ring[:w.head])
	w.ring, w.head = ring, 0
}
