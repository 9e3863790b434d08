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
		answer(w, http.StatusOK, s.list(r.FormValue("part")))
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
	name := r.FormValue("name")
	s, ok := h.state(name)
	if !ok {
		http.Error(w, fmt.Sprintf("debug: there is no context %q here", name), http.StatusNotFound)
	}
	return s, ok
}

// collected is the changes since the last message, one for each key.
type collected struct {
	wake chan struct{} // holds one token if there is something

	mu      sync.Mutex // protects what follows
	changes []stateChange
	at      map[string]int // in changes, by key
	skipped int
}

// changed is a message of changes.
type changed struct {
	Changes []stateChange `json:"changes"`
	Skipped int           `json:"skipped,omitempty"` // lost besides
}

func (c *collected) add(change stateChange) {
	c.mu.Lock()
	c.skipped += change.Skipped
	change.Skipped = 0
	i, again := c.at[change.Key]
	switch {
	case again:
		change.Count += c.changes[i].Count
		c.changes[i] = change
	case len(c.changes) == maxKeys:
		c.skipped++
	default:
		if c.at == nil {
			c.at = make(map[string]int)
		}
		c.at[change.Key] = len(c.changes)
		c.changes = append(c.changes, change)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (c *collected) take() changed {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := changed{c.changes, c.skipped}
	c.changes, c.at, c.skipped = nil, nil, 0
	return m
}
