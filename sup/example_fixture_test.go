package sup_test

import (
	"context"
	"errors"
	"log"

	"github.com/espalier-go/espalier/sup"
)

// What the examples share: a worker, and a way to wait for an event.

var errBroke = errors.New("broke")

// A Bidder bids until it is asked to stop, or breaks.
type Bidder struct {
	Name  string
	limit int
	ill   chan error
}

// newBidder returns a start function: it makes a new Bidder each time it is
// called.
func newBidder(name string, limit int) func(context.Context) (*Bidder, error) {
	return func(context.Context) (*Bidder, error) {
		return &Bidder{Name: name, limit: limit, ill: make(chan error, 1)}, nil
	}
}

// Run implements [sup.Worker].
func (b *Bidder) Run(ctx context.Context) error {
	select {
	case err := <-b.ill:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Bid returns what the bidder would give.
func (b *Bidder) Bid() int { return b.limit }

// Break ends Run with err.
func (b *Bidder) Break(err error) { b.ill <- err }

// auction is a spec of two bidders.
func auction() sup.Spec[*Bidder] {
	return sup.Spec[*Bidder]{
		Name: "auction",
		Children: []sup.ChildSpec[*Bidder]{
			{ID: "ada", Start: newBidder("Ada", 10)},
			{ID: "bob", Start: newBidder("Bob", 20), Restart: sup.Transient},
		},
	}
}

// startAuction starts it.
func startAuction() *sup.Supervisor[*Bidder] {
	s, err := sup.Start(context.Background(), auction())
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// end shuts a supervisor down.
func end(s interface{ Shutdown(context.Context) error }) {
	if err := s.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// A watch is a place in the events of a supervisor.
type watch struct {
	events sup.Inspector
	after  uint64
}

// watching returns the place after what has happened so far.
func watching(s sup.AnySupervisor) *watch {
	events := sup.Inspect(s)
	status, err := events.Status(context.Background(), "")
	if err != nil {
		log.Fatal(err)
	}
	return &watch{events, status.Seq}
}

// await returns the next event of a kind.
func (w *watch) await(kind sup.EventKind) sup.Event {
	for e, err := range w.events.Events(context.Background(), "", w.after) {
		if err != nil {
			log.Fatal(err)
		}
		w.after = e.Seq
		if e.Kind == kind {
			return e
		}
	}
	log.Fatalf("the supervisor has ended, and there was no %q", kind)
	return sup.Event{}
}

// breakAndAwait lets a bidder break and returns when it is back.
func breakAndAwait(s *sup.Supervisor[*Bidder], id string) {
	events := watching(s)
	b, err := s.Child(id).Wait(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	b.Break(errBroke)
	events.await(sup.ChildReady)
}
