package sup_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/espalier-go/espalier/sup"
)

// Observers are given in a spec, and hear of everything below it.
func ExampleObserver() {
	spec := auction()
	spec.Observers = []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
		fmt.Println(e.Kind, e.Path)
	})}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	end(s) // returns when the observers know it too
	// Output:
	// child starting auction/ada
	// child ready auction/ada
	// child starting auction/bob
	// child ready auction/bob
	// supervisor started auction
	// child stopping auction/bob
	// child exited auction/bob
	// child stopped auction/bob
	// child stopping auction/ada
	// child exited auction/ada
	// child stopped auction/ada
	// supervisor stopped auction
}

// restarts counts restarts by path.
type restarts map[string]int

func (r restarts) Observe(e sup.Event) { // one call at a time: no lock
	if e.Kind == sup.ChildReady && e.Incarnation > 1 {
		r[e.Path]++
	}
}

func ExampleObserver_counting() {
	count := make(restarts)
	spec := auction()
	spec.Observers = []sup.Observer{count}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	breakAndAwait(s, "ada")
	breakAndAwait(s, "bob")
	breakAndAwait(s, "bob")
	end(s)
	fmt.Println(count)
	// Output: map[auction/ada:1 auction/bob:2]
}

func ExampleObserverFunc() {
	spec := auction()
	spec.Observers = []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
		if e.Kind == sup.ChildExited && e.Exit.Kind == sup.ExitAbnormal {
			fmt.Println(e.Path, e.Exit.Err)
		}
	})}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	breakAndAwait(s, "ada")
	end(s)
	// Output: auction/ada broke
}

// The kinds of events that need attention.
func ExampleEventKinds() {
	for _, k := range sup.EventKinds() {
		if (sup.Event{Kind: k}).Level() >= slog.LevelError {
			fmt.Println(k)
		}
	}
	// Output:
	// child stuck
	// child quarantined
	// supervisor failed
	// observer panicked
}

func ExampleLog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey { // differs from run to run
				return slog.Attr{}
			}
			return a
		},
	}))
	spec := auction()
	spec.Observers = []sup.Observer{sup.Log(logger)}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	breakAndAwait(s, "ada")
	end(s)
	// Output:
	// level=INFO msg="child ready" path=auction/ada incarnation=1
	// level=INFO msg="child ready" path=auction/bob incarnation=1
	// level=INFO msg="supervisor started" path=auction
	// level=WARN msg="child exited" path=auction/ada incarnation=1 exit=abnormal err=broke
	// level=INFO msg="child ready" path=auction/ada incarnation=2
	// level=INFO msg="child stopped" path=auction/bob incarnation=1 exit=shutdown err="context canceled"
	// level=INFO msg="child stopped" path=auction/ada incarnation=2 exit=shutdown err="context canceled"
	// level=INFO msg="supervisor stopped" path=auction exit=shutdown err="call of Shutdown"
}

func ExampleEvent() {
	s := startAuction()
	defer end(s)
	events := watching(s)
	ada, _ := s.Child("ada").Get()
	ada.Break(errBroke)
	e := events.await(sup.ChildExited)
	fmt.Println(e.Kind, e.Path, e.Incarnation, e.Exit)
	// Output: child exited auction/ada 1 abnormal: broke
}
