package debug

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A message is what the page is sent: the tree, or how it has changed, and the
// events since the last one.
type message struct {
	Now     int64  `json:"now"`             // by the clock of the tree, in ms since 1970
	Whole   *about `json:"whole,omitempty"` // of the first: what the page has is to be forgotten
	Events  []line `json:"events,omitempty"`
	Skipped bool   `json:"skipped,omitempty"` // events were lost before these
	Error   string `json:"error,omitempty"`   // why there is nothing to see
	delta
}

// about is what the page has to know besides.
type about struct {
	Epoch   string   `json:"epoch"`   // events of another one are numbered anew
	Operate bool     `json:"operate"` // there are buttons
	Leaks   bool     `json:"leaks"`   // leaked goroutines can be looked for
	States  []string `json:"states"`
}

// serveEvents is the stream that the page lives on.
func (h *handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	s := newStream(w)
	if r.Method == http.MethodHead || s.open() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	j := newJournal(h.tree, h.resumed(r))
	var following sync.WaitGroup
	following.Go(func() { j.follow(ctx) })
	defer following.Wait()
	defer cancel()

	p := &pageStream{handler: h, journal: j, epoch: h.epoch.now()}
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
		if err != nil || !sleep(ctx, rest(took, len(b))) {
			return
		}
		select {
		case <-j.wake:
		case <-time.After(max(idle, 2*share*took)):
		case <-ctx.Done():
			return
		}
	}
}

// A pageStream is the stream of one page.
type pageStream struct {
	handler *handler
	journal *journal
	epoch   string
	begun   bool // the page has been told the whole
	page    shown
}

// next returns the next message and its id, or nil if there is nothing to tell.
func (p *pageStream) next(ctx context.Context) (id string, b []byte, err error) {
	n := p.journal.take()
	tree, err := p.handler.tree.Snapshot(ctx, "")
	now := time.Now()
	m := message{Now: now.UnixMilli(), Events: linesOf(n.events), Skipped: n.skipped}
	if n.anew {
		p.epoch, p.begun, p.page = p.handler.epoch.after(p.epoch), false, shown{}
	}
	if !p.begun {
		m.Whole = p.handler.about(p.epoch)
	}
	switch {
	case ctx.Err() != nil:
		return "", nil, ctx.Err()
	case err != nil:
		m.Error = err.Error()
	default:
		m.delta = p.page.update(rowsOf(tree, now))
		if n.err != nil {
			m.Error = n.err.Error()
		}
	}
	if p.begun && m.delta.empty() && len(m.Events) == 0 && !m.Skipped && m.Error == "" {
		return "", nil, nil
	}
	p.begun = true
	b, err = json.Marshal(m)
	return p.epoch + "-" + strconv.FormatUint(n.last, 10), b, err
}

func (h *handler) about(epoch string) *about {
	a := &about{Epoch: epoch, Operate: h.controller != nil, Leaks: h.leaks, States: []string{}}
	for _, s := range h.states {
		a.States = append(a.States, s.name())
	}
	return a
}

// resumed returns the number of the last event that a page has been told which
// comes back; 0 if it is new, or the events were another tree's.
func (h *handler) resumed(r *http.Request) uint64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = query(r, "after")
	}
	seq, ours := strings.CutPrefix(id, h.epoch.now()+"-")
	if !ours {
		return 0
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || n == sup.FromNow {
		return 0
	}
	return n
}
