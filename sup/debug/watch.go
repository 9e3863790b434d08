package debug

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// serveState lists the contexts, or the keys of one.
func (h *handler) serveState(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("name") {
		all := []stateKeys{}
		for _, s := range h.states {
			all = append(all, s.sum())
		}
		answer(w, http.StatusOK, all)
		return
	}
	if s, ok := h.named(w, r); ok {
		answer(w, http.StatusOK, s.list(query(r, "part")))
	}
}

// serveWatch is a stream of the changes of a context.
func (h *handler) serveWatch(w http.ResponseWriter, r *http.Request) {
	s, ok := h.named(w, r)
	if !ok {
		return
	}
	out := newStream(w)
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	changes := s.watch(ctx) // from before the client knows that it is told
	if out.open() != nil {
		cancel()
		return
	}
	var c collected
	c.wake = make(chan struct{}, 1)
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for change := range changes {
			c.add(change)
		}
	})
	defer collecting.Wait()
	defer cancel()
	for {
		select {
		case <-c.wake:
		case <-time.After(alive):
			if out.keepAlive() != nil {
				return
			}
			continue
		case <-ctx.Done():
			return
		}
		b, err := json.Marshal(c.take())
		if err != nil || out.send("", b) != nil || !sleep(ctx, rest(0, len(b))) {
			return
		}
	}
}

func (h *handler) named(w http.ResponseWriter, r *http.Request) (state, bool) {
	name := query(r, "name")
	s, ok := h.state(name)
	if !ok {
		fail(w, http.StatusNotFound, fmt.Sprintf("debug: there is no context %q here", clip(name, maxName)))
	}
	return s, ok
}

// collected is the changes since the last message, one for each key.
type collected struct {
	wake chan struct{} // holds one token if there is something

	mu      sync.Mutex // protects what follows
	changes []keyChange
	at      map[string]int // in changes, by key
	skipped int
}

// keyChange is the last change of a key, and how many there were.
type keyChange struct {
	last  stateChange
	count int
}

// changed is a message of changes.
type changed struct {
	Changes []shownChange `json:"changes"`
	Skipped int           `json:"skipped,omitempty"` // lost besides
}

type shownChange struct {
	stateKey
	Present bool `json:"present"` // false: it was deleted
	Count   int  `json:"count"`   // of changes, this the last
}

func (c *collected) add(change stateChange) {
	c.mu.Lock()
	c.skipped += change.skipped
	i, again := c.at[change.key]
	switch {
	case again:
		c.changes[i] = keyChange{change, c.changes[i].count + 1}
	case len(c.changes) == maxKeys:
		c.skipped++
	default:
		if c.at == nil {
			c.at = make(map[string]int)
		}
		c.at[change.key] = len(c.changes)
		c.changes = append(c.changes, keyChange{change, 1})
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (c *collected) take() changed {
	c.mu.Lock()
	changes, skipped := c.changes, c.skipped
	c.changes, c.at, c.skipped = nil, nil, 0
	c.mu.Unlock()
	m := changed{make([]shownChange, len(changes)), skipped}
	for i, change := range changes {
		m.Changes[i] = shownChange{stateKey{Key: change.last.key}, change.last.present, change.count}
		if change.last.present {
			m.Changes[i].stateKey = change.last.show()
		}
	}
	return m
}
