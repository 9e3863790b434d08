package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A worker implements [sup.Worker] by a function.
type worker func(ctx context.Context) error

// Run calls the function.
func (w worker) Run(ctx context.Context) error { return w(ctx) }

func starts(w worker) func(context.Context) (sup.Worker, error) {
	return func(context.Context) (sup.Worker, error) { return w, nil }
}

var errPlugin = errors.New("plugin: bad manifest")

const (
	// stubbornShutdown is the shutdown timeout of the stubborn plugin.
	stubbornShutdown = 100 * time.Millisecond
	// flakyInterval is the time between failures of the flaky plugin.
	flakyInterval = 2 * time.Second
)

// unreachable is the inspector of a remote tree whose server is down.
type unreachable struct{ sup.Inspector }

// Snapshot returns the error of a refused connection.
func (unreachable) Snapshot(context.Context, string) (sup.SupervisorInfo, error) {
	return sup.SupervisorInfo{}, fmt.Errorf("dial far: %w", syscall.ECONNREFUSED)
}

func good(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func bad(context.Context) error { return errPlugin }

func flaky(ctx context.Context) error {
	select {
	case <-time.After(flakyInterval):
		return errPlugin
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settling fails in its first three incarnations.
func settling(ctx context.Context) error {
	if sup.Incarnation(ctx) <= 3 {
		return errPlugin
	}
	return good(ctx)
}

// causeFailures causes the failures that need a call: a plugin that does not stop, a
// feed that needs several attempts to start, and a supervisor that is down.
func causeFailures(ctx context.Context, tree *sup.Supervisor[sup.Worker]) error {
	c := sup.Control(tree)
	_, err := c.StartChild(ctx, "host/feeds", "ACME")
	if err != nil {
		return err
	}
	if err := c.TerminateChild(ctx, sup.Target{Path: "host/reports"}); err != nil {
		return err
	}
	if err := c.TerminateChild(ctx, sup.Target{Path: "host/stubborn"}); !errors.Is(err, sup.ErrStuck) {
		return err
	}
	return nil
}

// failingTree returns a tree with failures of each kind. The stubborn plugin stops once
// release is called.
func failingTree() (tree *sup.Supervisor[sup.Worker], release func()) {
	released := make(chan struct{})
	stubborn := func(context.Context) error {
		<-released
		return nil
	}
	feeds := sup.NewKeyed(sup.KeyedSpec[string, sup.Worker]{
		Start:     func(context.Context, string) (sup.Worker, error) { return worker(settling), nil },
		Intensity: sup.Intensity{Restarts: 4, Within: time.Hour},
	})
	reports := sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "daily", Start: starts(good)}}})
	tree = sup.New(sup.Spec[sup.Worker]{
		Name:      "host",
		Intensity: sup.Intensity{Restarts: 100, Within: time.Minute},
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "good", Start: starts(good)},
			{ID: "bad", Start: starts(bad), Budget: sup.Intensity{Restarts: 3, Within: time.Hour}},
			{ID: "flaky", Start: starts(flaky)},
			{ID: "stubborn", Start: starts(stubborn), Shutdown: stubbornShutdown},
			{ID: "feeds", Start: func(context.Context) (sup.Worker, error) { return feeds, nil }},
			{ID: "reports", Start: func(context.Context) (sup.Worker, error) { return reports, nil }},
		},
	})
	return tree, sync.OnceFunc(func() { close(released) })
}
