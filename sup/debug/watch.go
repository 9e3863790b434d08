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
		all := []contextInfo{}
		for _, c := range h.contexts {
			all = append(all, c.summary())
		}
		answer(w, http.StatusOK, all)
		return
	}
	if c, ok := h.namedContext(w, r); ok {
		answer(w, http.StatusOK, c.list(query(r, "part")))
	}
}

// serveWatch serves the stream of the changes of a context.
func (h *handler) serveWatch(w http.ResponseWriter, r *http.Request) {
	c, ok := h.namedContext(w, r)
	if !ok {
		return
	}
	s := newStream(w)
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	changes := c.watch(ctx) // before open, so that a client that lists the keys then misses no change
	if s.open() != nil {
		cancel()
		return
	}
	buffer := changeBuffer{wake: make(chan struct{}, 1)}
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for change := range changes {
			buffer.add(change)
		}
	})
	collecting.Go(func() { cancelWhenStopping(ctx, cancel) })
	defer collecting.Wait()
	defer cancel()
	for {
		select {
		case <-buffer.wake:
		case <-time.After(keepAliveInterval):
			if s.keepAlive() != nil {
				return
			}
			continue
		case <-ctx.Done():
			return
		}
		b, err := json.Marshal(buffer.take())
		if err != nil || s.send("", b) != nil || !sleep(ctx, pause(0, len(b))) {
			return
		}
	}
}

func (h *handler) namedContext(w http.ResponseWriter, r *http.Request) (contextView, bool) {
	name := query(r, "name")
	c, ok := h.context(name)
	if !ok {
		fail(w, http.StatusNotFound, fmt.Sprintf("no such context: %q", clip(name, maxName)))
	}
	return c, ok
}

// A changeBuffer keeps the last change of each key since the last message.
type changeBuffer struct {
	wake chan struct{} // holds a token if there may be something to take

	mu      sync.Mutex // guards the fields below
	changes []bufferedChange
	index   map[string]int // in changes, by key
	skipped int
}

type bufferedChange struct {
	last  contextChange
	count int
}

// A changeMessage is a message of the watch stream.
type changeMessage struct {
	Changes []keyChange `json:"changes"`
	Skipped int         `json:"skipped,omitempty"` // changes that were lost
}

type keyChange struct {
	keyInfo
	Present bool `json:"present"` // false if the key was deleted
	Count   int  `json:"count"`   // changes of the key since the last message
}

func (c *changeBuffer) add(change contextChange) {
	c.mu.Lock()
	c.skipped += change.skipped
	i, known := c.index[change.key]
	switch {
	case known:
		c.changes[i] = bufferedChange{change, c.changes[i].count + 1}
	case len(c.changes) == maxKeys:
		c.skipped++
	default:
		if c.index == nil {
			c.index = make(map[string]int)
		}
		c.index[change.key] = len(c.changes)
		c.changes = append(c.changes, bufferedChange{change, 1})
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // there is a token already
	}
}

func (c *changeBuffer) take() changeMessage {
	c.mu.Lock()
	changes, skipped := c.changes, c.skipped
	c.changes, c.index, c.skipped = nil, nil, 0
	c.mu.Unlock()
	m := changeMessage{make([]keyChange, len(changes)), skipped}
	for i, change := range changes {
		m.Changes[i] = keyChange{keyInfo{Key: change.last.key}, change.last.present, change.count}
		if change.last.present {
			m.Changes[i].keyInfo = change.last.info()
		}
	}
	return m
}
