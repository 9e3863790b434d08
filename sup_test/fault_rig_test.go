package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// fault is one way to misbehave. The place of the fault returns what the fault returns,
// if the place has a result. nil means to go on as a good worker would.
type fault struct {
	name   string
	commit func(ctx context.Context, r *rig) error
}

var faults = []fault{
	{"error", func(context.Context, *rig) error { return errBoom }},
	{"panic", func(context.Context, *rig) error { panic(errBoom) }},
	{"Goexit", func(context.Context, *rig) error { runtime.Goexit(); return nil }},
	{"hang", func(_ context.Context, r *rig) error { <-r.release; return nil }},
	{"slow", func(context.Context, *rig) error { time.Sleep(2 * time.Second); return nil }},
	{"Shutdown", calls(func(ctx context.Context, r *rig) error { return r.s.Shutdown(ctx) })},
	{"Terminate itself", calls(func(ctx context.Context, r *rig) error { return r.s.TerminateChild(ctx, "w") })},
	{"Terminate a sibling", calls(func(ctx context.Context, r *rig) error { return r.s.TerminateChild(ctx, "z") })},
	{"Restart itself", calls(func(ctx context.Context, r *rig) error { return r.s.RestartChild(ctx, "w") })},
	{"Delete itself", calls(func(ctx context.Context, r *rig) error { return r.s.DeleteChild(ctx, "w") })},
	{"StartChild", calls(func(ctx context.Context, r *rig) error {
		_, err := r.s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "new", Start: makes(fake{})})
		return err
	})},
	{"wait for itself", calls(func(ctx context.Context, r *rig) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := r.s.Child("w").Wait(ctx)
		return err
	})},
	{"Children and Tree", calls(func(_ context.Context, r *rig) error {
		if n, m := len(r.s.Children()), len(r.s.Snapshot().Children); n != 3 || m != 3 {
			return fmt.Errorf("%d and %d children", n, m)
		}
		return nil
	})},
}

// calls returns a fault that calls back into the supervisor.
func calls(call func(ctx context.Context, r *rig) error) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		r.answer = wordOf(call(ctx, r))
		return nil
	}
}

// rig is one cell of the table: a supervisor, the good children a and z, and w, which
// misbehaves once.
type rig struct {
	t       *testing.T
	s       *sup.Supervisor[*fake]
	state   *kv.Context[string, int]
	place   place
	fault   fault
	struck  atomic.Bool
	release chan struct{} // closed to end whatever hangs
	die     chan error    // ends a Run of w
	box     *mailbox.Mailbox[string]
	answer  string // result of the call back, or what the other observer saw

	mu    sync.Mutex
	exits []string // of the incarnation that misbehaves
}

func newRig(t *testing.T, p place, f fault) *rig {
	r := &rig{
		t: t, place: p, fault: f, state: new(kv.Context[string, int]), answer: "-",
		release: make(chan struct{}), die: make(chan error), box: mailbox.New[string](1),
	}
	if err := r.box.TrySend("a message"); err != nil {
		t.Fatal(err)
	}
	r.s = sup.New(sup.Spec[*fake]{
		Observers: []sup.Observer{sup.ObserverFunc(r.observeBadly), sup.ObserverFunc(r.record)},
		Children:  []sup.ChildSpec[*fake]{{ID: "a", Start: makes(fake{})}, {ID: "z", Start: makes(fake{})}},
	})
	if err := r.s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

// visit is called in every step of a worker.
func (r *rig) visit(ctx context.Context, call string) error {
	if call != r.place.call || sup.Incarnation(ctx) != r.place.incarnation || r.struck.Swap(true) {
		return nil
	}
	return r.fault.commit(ctx, r)
}

// start is the start function of w.
func (r *rig) start(ctx context.Context) (*fake, error) {
	if err := r.visitAndHeed(ctx, "start function"); err != nil {
		return nil, err
	}
	return &fake{
		initialize: func(ctx context.Context) error { return r.visitAndHeed(ctx, "Initialize") },
		run:        r.run,
		terminate:  func(ctx context.Context, _ sup.Exit) error { return r.visit(ctx, "Terminate") },
	}, nil
}

// visitAndHeed is visit for steps in which a good worker also watches its context.
func (r *rig) visitAndHeed(ctx context.Context, call string) error {
	if err := r.visit(ctx, call); err != nil {
		return err
	}
	return ctx.Err()
}

// run is the Run of w.
func (r *rig) run(ctx context.Context) error {
	if err := r.visit(ctx, "Run"); err != nil {
		return err
	}
	goIn(ctx, func(ctx context.Context) error { return r.visit(ctx, "goroutine") })
	err := r.state.Update("k", func(old int, ok bool) (int, kv.Op) {
		if r.visit(ctx, "Update function") != nil {
			return old, kv.Op(-1)
		}
		return increment(old, ok)
	})
	if err != nil {
		return err
	}
	switch {
	case r.place.call == "Terminate" && sup.Incarnation(ctx) == r.place.incarnation:
		return nil
	case r.place.call == "Process", r.place.call == "DeadLetter":
		return r.process(ctx)
	}
	return r.untilTold(ctx)
}

// process is the rest of run if w has messages to process. The single message takes as
// long as w lives.
func (r *rig) process(ctx context.Context) error {
	policy := mailbox.Policy[string]{DeadLetter: func(ctx context.Context, _ mailbox.DeadLetter[string]) error {
		return r.visit(ctx, "DeadLetter")
	}}
	if r.place.call == "DeadLetter" {
		policy.Deliveries = 1
	}
	return r.box.Process(ctx, func(ctx context.Context, _ string) error {
		if err := r.visit(ctx, "Process"); err != nil {
			return err
		}
		return r.untilTold(ctx)
	}, policy)
}

// kept checks that the message ends up in the mailbox, since no worker has finished it,
// unless it was a dead letter.
func (r *rig) kept() {
	want := 1
	if r.place.call == "DeadLetter" {
		want = 0
	}
	if n := r.box.Len(); n != want {
		r.t.Errorf("%d messages are in the mailbox, want %d", n, want)
	}
}

func (r *rig) untilTold(ctx context.Context) error {
	select {
	case err := <-r.die:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func increment(old int, _ bool) (int, kv.Op) { return old + 1, kv.Set }

// observeBadly is the observer that can misbehave.
func (r *rig) observeBadly(e sup.Event) {
	if r.place.call == "observer" && e.Kind == sup.ChildReady && e.ID == "w" && !r.struck.Swap(true) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // must not wait for its own tree
		defer cancel()
		r.fault.commit(ctx, r)
	}
}

// record is the observer that records what the table lists.
func (r *rig) record(e sup.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Kind == sup.ChildExited && e.ID == "w" && e.Incarnation == r.place.incarnation:
		exit := e.Exit.Kind.String()
		if e.Exit.Kind == sup.ExitAbnormal {
			exit += ": " + wordOf(e.Exit.Err)
		}
		r.exits = append(r.exits, exit)
	case e.Kind == sup.ObserverPanicked:
		r.answer = wordOf(e.Exit.Err)
	}
}

// exit returns how the incarnation ended. Several exits would be joined by "and", but
// one is reported.
func (r *rig) exit() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.exits, " and ")
}

// wordOf returns the word of the table for an error. "in vain" is the result of a wait
// that the end of the caller's own context has ended.
func wordOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, sup.ErrPanic):
		return "panic"
	case errors.Is(err, sup.ErrGoexit):
		return "Goexit"
	case errors.Is(err, errBoom):
		return "boom"
	case errors.Is(err, sup.ErrShuttingDown):
		return "shutting down"
	case errors.Is(err, sup.ErrNotRunning):
		return "not running"
	case errors.Is(err, sup.ErrRunning):
		return "running"
	case errors.Is(err, sup.ErrRestarting):
		return "restarting"
	case errors.Is(err, sup.ErrStopped):
		return "stopped"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sup.ErrShutdown), errors.Is(err, sup.ErrStuck):
		return "in vain"
	case strings.HasPrefix(err.Error(), "kv: "):
		return "kv"
	}
	return err.Error()
}
