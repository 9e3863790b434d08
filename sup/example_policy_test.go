package sup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A spec is data: it can be made once and started many times.
func ExampleSpec() {
	spec := sup.Spec[*Bidder]{
		Name:     "auction",
		Children: []sup.ChildSpec[*Bidder]{{ID: "ada", Start: newBidder("Ada", 10)}},
	}
	for range 2 {
		s, err := sup.Start(context.Background(), spec)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(live(s.Child("ada").Get()))
		end(s)
	}
	// Output:
	// Ada bids 10
	// Ada bids 10
}

// Labels tell in a profile, or a dump of goroutines, which child is which.
func ExampleSpec_labels() {
	spec := auction()
	spec.Labels = true
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(dump.String(), `"sup.path":"auction/ada"`))
	// Output: true
}

func ExampleChildSpec() {
	child := sup.ChildSpec[*Bidder]{
		ID:           "ada",
		Start:        newBidder("Ada", 10),
		Restart:      sup.Transient,
		Shutdown:     10 * time.Second,
		StartTimeout: time.Second,
		Backoff:      sup.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second, Jitter: 0.5},
		Budget:       sup.Intensity{Restarts: 10, Within: time.Hour},
	}
	s, err := sup.Start(context.Background(), sup.Spec[*Bidder]{Children: []sup.ChildSpec[*Bidder]{child}})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	fmt.Print(s.Snapshot())
	// Output:
	// supervisor one_for_one 3/5s
	// └── ada transient running
}

// chain starts a, b and c, lets b fail, and says which are new after that.
func chain(strategy sup.Strategy) string {
	s, err := sup.Start(context.Background(), sup.Spec[*Bidder]{
		Strategy: strategy,
		Children: []sup.ChildSpec[*Bidder]{
			{ID: "a", Start: newBidder("a", 1)},
			{ID: "b", Start: newBidder("b", 2)},
			{ID: "c", Start: newBidder("c", 3)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	breakAndAwait(s, "b")
	if _, err := s.Child("c").Wait(context.Background()); err != nil { // the last one to start
		log.Fatal(err)
	}
	var fresh []string
	for _, c := range s.Children() {
		if c.Incarnation > 1 {
			fresh = append(fresh, c.ID)
		}
	}
	end(s)
	return strings.Join(fresh, " ")
}

func ExampleStrategy() {
	for _, strategy := range []sup.Strategy{sup.OneForOne, sup.OneForAll, sup.RestForOne} {
		fmt.Printf("%v: %s\n", strategy, chain(strategy))
	}
	// Output:
	// one_for_one: b
	// one_for_all: a b c
	// rest_for_one: b c
}

// Transient children are left alone after a normal exit, and temporary ones are
// gone after any.
func ExampleRestart() {
	s, err := sup.Start(context.Background(), sup.Spec[worker]{Name: "jobs"})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	events := watching(s)
	for _, restart := range []sup.Restart{sup.Transient, sup.Temporary} {
		_, err := s.StartChild(context.Background(), sup.ChildSpec[worker]{
			ID:      restart.String() + " job",
			Restart: restart,
			Start:   start(func(context.Context) error { return nil }),
		})
		if err != nil {
			log.Fatal(err)
		}
		events.await(sup.ChildStopped)
	}
	events.await(sup.ChildRemoved)
	fmt.Print(s.Snapshot())
	// Output:
	// jobs one_for_one 3/5s
	// └── transient job transient stopped, last exit normal
}

// A program whose work is done when one of its parts is.
func ExampleAutoShutdown() {
	s := sup.New(sup.Spec[worker]{
		AutoShutdown: sup.AutoShutdownAnySignificant,
		Children: []sup.ChildSpec[worker]{
			{ID: "service", Start: start(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })},
			{
				ID: "job", Restart: sup.Transient, Significant: true,
				Start: start(func(context.Context) error { return nil }),
			},
		},
	})
	fmt.Println(s.Run(context.Background()))
	// Output: <nil>
}

func ExampleIntensity() {
	fmt.Println(sup.DefaultIntensity)
	fmt.Println(sup.Intensity{Restarts: 10, Within: time.Minute})
	fmt.Println(sup.Unlimited)
	// Output:
	// 3/5s
	// 10/1m
	// unlimited
}

// A child with a budget of its own is quarantined when that is used up. Its
// siblings do not notice.
func ExampleIntensity_budget() {
	spec := auction()
	spec.Children = append(spec.Children, sup.ChildSpec[*Bidder]{
		ID:     "plugin",
		Start:  newBidder("plugin", 30),
		Budget: sup.Intensity{Restarts: 1, Within: time.Hour},
	})
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	events := watching(s)
	breakAndAwait(s, "plugin")
	plugin, _ := s.Child("plugin").Get()
	plugin.Break(errBroke)
	events.await(sup.ChildQuarantined)
	fmt.Print(s.Snapshot())
	_, err = s.Child("plugin").Wait(context.Background())
	fmt.Println(err)
	// Output:
	// auction one_for_one 3/5s
	// ├── ada permanent running
	// ├── bob transient running
	// └── plugin permanent quarantined, restarts 1, last exit abnormal: broke
	// auction/plugin: wait: child quarantined
}

// A server that is down is asked again after 1 ms, 2 ms, 4 ms and so on, and
// never given up.
func ExampleBackoff() {
	calls := 0
	s, err := sup.Start(context.Background(), sup.Spec[*Bidder]{
		Name:      "net",
		Intensity: sup.Unlimited,
		Children: []sup.ChildSpec[*Bidder]{{
			ID:      "conn",
			Backoff: sup.Backoff{Min: time.Millisecond, Max: time.Second},
			Start: func(ctx context.Context) (*Bidder, error) {
				if calls++; calls > 1 && calls < 5 {
					return nil, errBroke
				}
				return newBidder("conn", calls)(ctx)
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	events := watching(s)
	conn, _ := s.Child("conn").Get()
	conn.Break(errBroke)
	for range 4 {
		fmt.Println(events.await(sup.ChildRestarting).Delay)
	}
	// Output:
	// 1ms
	// 2ms
	// 4ms
	// 8ms
}

// A child that does not stop is reported, and what then happens is in its spec.
func ExampleWhenStuck() {
	answer := make(chan struct{})
	s, err := sup.Start(context.Background(), sup.Spec[worker]{
		Name: "plugins",
		Children: []sup.ChildSpec[worker]{{
			ID:       "deaf",
			Shutdown: time.Millisecond,
			Stuck:    sup.StuckAbandon,
			Start:    start(func(context.Context) error { <-answer; return nil }),
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	err = s.TerminateChild(context.Background(), "deaf")
	if stuck, ok := errors.AsType[*sup.StuckError](err); ok {
		fmt.Println(stuck.Children[0].Path, strings.HasPrefix(stuck.Children[0].Stack, "goroutine "))
	}
	fmt.Println(s.Children()[0].State)

	close(answer)
	end(s) // waits for what was abandoned, too
	// Output:
	// plugins/deaf true
	// stopped
}
