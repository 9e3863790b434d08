package sup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

// An inspector needs no types: pages, commands and remote programs use one.
func ExampleInspect() {
	ctx := context.Background()
	s, err := sup.Start(ctx, auction())
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)

	var i sup.Inspector = sup.Inspect(s)
	c, err := i.Child(ctx, "auction/ada")
	fmt.Println(c.ID, c.State, err)
	_, err = i.Child(ctx, "auction/eve")
	fmt.Println(err)
	_, err = i.Children(ctx, "auction/ada")
	fmt.Println(err)
	// Output:
	// ada running <nil>
	// auction/eve: query: not found
	// auction/ada: query: not a supervisor
}

// The stream of events begins with those on record.
func ExampleInspector() {
	ctx := context.Background()
	s, err := sup.Start(ctx, auction())
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	for e, err := range sup.Inspect(s).Events(ctx, "auction/bob", 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Seq, e.Kind, e.Path)
		if e.Kind == sup.ChildReady {
			break
		}
	}
	// Output:
	// 3 child starting auction/bob
	// 4 child ready auction/bob
}

// A controller carries out an operator's calls on children by their paths.
func ExampleControl() {
	ctx := context.Background()
	s, err := sup.Start(ctx, auction())
	if err != nil {
		log.Fatal(err)
	}
	c := sup.Control(s)
	fmt.Println(c.TerminateChild(ctx, sup.Target{Path: "auction/ada"}))
	ada, err := c.Child(ctx, "auction/ada")
	fmt.Println(ada.State, ada.LastExit.Kind, err)
	fmt.Println(c.Shutdown(ctx, sup.Target{Path: "auction"}))
	// Output:
	// <nil>
	// stopped shutdown <nil>
	// <nil>
}

// A child of a set is started by the text of its key.
func ExampleController() {
	ctx := context.Background()
	rooms := sup.NewKeyed(sup.KeyedSpec[int, *Bidder]{
		Name:  "rooms",
		Start: func(context.Context, int) (*Bidder, error) { return &Bidder{}, nil },
	})
	if err := rooms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(rooms)
	var c sup.Controller = sup.Control(rooms)
	info, err := c.StartChild(ctx, "rooms", "7")
	fmt.Println(info.ID, info.State, err)
	_, err = c.StartChild(ctx, "rooms", "seven")
	fmt.Println(errors.Is(err, sup.ErrKey))
	// Output:
	// 7 running <nil>
	// true
}

// Who has looked at a child, and then decides what to do with it, says which
// incarnation that was.
func ExampleTarget() {
	ctx := context.Background()
	s, err := sup.Start(ctx, auction())
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	c := sup.Control(s)
	seen, err := c.Child(ctx, "auction/ada")
	if err != nil {
		log.Fatal(err)
	}
	breakAndAwait(s, "ada")
	err = c.TerminateChild(ctx, sup.Target{Path: "auction/ada", Incarnation: seen.Incarnation})
	fmt.Println(err)
	// Output:
	// auction/ada: terminate: not the current incarnation
}

// Of AnySupervisor is what takes a supervisor of any type.
func ExampleAnySupervisor() {
	paths := func(s sup.AnySupervisor) {
		tree, err := sup.Inspect(s).Snapshot(context.Background(), "")
		fmt.Println(tree.Path, len(tree.Children), err)
	}
	paths(sup.New(auction()))
	paths(sup.NewKeyed(sup.KeyedSpec[string, *Bidder]{Name: "bidders"}))
	// Output:
	// auction 2 <nil>
	// bidders 0 <nil>
}

// The record of a supervisor that keeps few events has a gap soon.
func ExampleSkippedError() {
	ctx := context.Background()
	spec := auction()
	spec.Record = 2
	s, err := sup.Start(ctx, spec)
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	for e, err := range sup.Inspect(s).Events(ctx, "", 0) {
		if skipped, ok := errors.AsType[*sup.SkippedError](err); ok {
			fmt.Println(skipped)
			continue
		}
		fmt.Println(e.Seq, e.Kind)
		if e.Kind == sup.SupervisorStarted {
			break
		}
	}
	// Output:
	// events skipped after number 0
	// 4 child ready
	// 5 supervisor started
}

// What has happened is on record, whether anybody listened or not.
// With a context that has ended, Events yields what is on record.
func ExampleInspector_Events() {
	s, err := sup.Start(context.Background(), auction())
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	breakAndAwait(s, "ada")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range sup.Inspect(s).Events(ended, "auction/ada", 0) {
		fmt.Println(e.Seq, e.Kind, e.Incarnation, err)
	}
	// Output:
	// 1 child starting 1 <nil>
	// 2 child ready 1 <nil>
	// 6 child exited 1 <nil>
	// 7 child restarting 1 <nil>
	// 8 child starting 2 <nil>
	// 9 child ready 2 <nil>
}

// Snapshots and events can be written as JSON.
func ExampleExit_MarshalJSON() {
	b, err := json.Marshal(sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("out of bids")})
	fmt.Println(string(b), err)
	var read sup.Exit
	fmt.Println(json.Unmarshal(b, &read), read)
	// Output:
	// {"kind":"abnormal","error":"out of bids"} <nil>
	// <nil> abnormal: out of bids
}
