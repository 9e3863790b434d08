package debug

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A message updates the page: with the whole tree or its changes, and with the
// events since the last message.
type message struct {
	Now     int64    `json:"now"`               // clock of the tree, in ms since 1970
	Session *session `json:"session,omitempty"` // set in a first message: the page drops its tree
	Events  []entry  `json:"events,omitempty"`
	Backlog bool     `json:"backlog,omitempty"` // events that were recorded before the stream began are still to come
	Skipped bool     `json:"skipped,omitempty"` // events before these were lost
	Error   string   `json:"error,omitempty"`   // why the tree cannot be read
	delta
}

// A session describes the handler to the page.
type session struct {
	Epoch    string   `json:"epoch"`    // changes when the events are numbered anew
	Operate  bool     `json:"operate"`  // there are buttons
	Leaks    bool     `json:"leaks"`    // leaked goroutines can be found
	Contexts []string `json:"contexts"` // names
}

// serveEvents serves the stream that updates the page.
func (h *handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	s := newStream(w)
	if r.Method == http.MethodHead || s.open() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	j := newJournal(h.tree, h.resumeAfter(r))
	var following sync.WaitGroup
	following.Go(func() { j.follow(ctx) })
	following.Go(func() { cancelWhenStopping(ctx, cancel) })
	defer following.Wait()
	defer cancel()

	p := &pageStream{handler: h, journal: j, epoch: h.epoch.current()}
	for {
		began := time.Now()
		id, b, err := p.next(ctx)
		took := time.Since(began)
		switch {
		case err != nil:
			return
		case b == nil:
			err = s.keepAlive()
		default:
			err = s.send(id, b)
		}
		if err != nil || !sleep(ctx, pause(took, len(b))) {
			return
		}
		select {
		case <-j.wake:
		case <-time.After(max(pollInterval, 2*loadDivisor*took)):
		case <-ctx.Done():
			return
		}
	}
}

// A pageStream produces the messages for one page.
type pageStream struct {
	handler *handler
	journal *journal
	epoch   string
	begun   bool // the first message has been sent
	backlog backlog
	sent    sentTree
}

// next returns the next message and its id, or nil if nothing has changed.
func (p *pageStream) next(ctx context.Context) (id string, b []byte, err error) {
	if !p.begun {
		p.backlog.begin(ctx, p.handler.tree)
	}
	batch := p.journal.take()
	tree, err := p.handler.tree.Snapshot(ctx, "")
	now := time.Now()
	m := message{Now: now.UnixMilli(), Events: entriesOf(batch.events), Skipped: batch.skipped}
	if batch.renewed {
		p.epoch, p.begun, p.sent = p.handler.epoch.next(p.epoch), false, sentTree{}
	}
	if !p.begun {
		m.Session = p.handler.session(p.epoch)
	}
	switch {
	case ctx.Err() != nil:
		return "", nil, ctx.Err()
	case err != nil:
		m.Error = inspectorError(err)
	default:
		m.delta = p.sent.update(rowsOf(tree, now))
		if batch.err != nil {
			m.Error = inspectorError(batch.err)
		}
	}
	had := p.backlog.open
	m.Backlog = p.backlog.update(batch.last)
	if p.begun && m.delta.empty() && len(m.Events) == 0 && !m.Skipped && m.Error == "" && m.Backlog == had {
		return "", nil, nil
	}
	p.begun = true
	b, err = json.Marshal(m)
	return p.epoch + "-" + strconv.FormatUint(batch.last, 10), b, err
}

func (h *handler) session(epoch string) *session {
	s := &session{Epoch: epoch, Operate: h.controller != nil, Leaks: h.findsLeaks, Contexts: []string{}}
	for _, c := range h.contexts {
		s.Contexts = append(s.Contexts, c.name())
	}
	return s
}

// resumeAfter returns the Seq of the last event that a returning page has received.
// It is 0 for a new page, and for a page that has the events of another epoch.
func (h *handler) resumeAfter(r *http.Request) uint64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = query(r, "after")
	}
	seq, ours := strings.CutPrefix(id, h.epoch.current()+"-")
	if !ours {
		return 0
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || n == sup.FromNow {
		return 0
	}
	return n
}

// An epoch names a numbering of events. This program, if restarted, and a remote
// program, if restarted, number their events anew.
type epoch struct {
	mu   sync.Mutex
	name string // guarded by mu
}

func newEpoch() *epoch { return &epoch{name: rand.Text()} }

func (e *epoch) current() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.name
}

// next returns the epoch that follows old. All streams get the same.
func (e *epoch) next(old string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.name == old {
		e.name = rand.Text()
	}
	return e.name
}
