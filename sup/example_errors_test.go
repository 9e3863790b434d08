package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// All faults of a spec come at once.
func ExampleSpecError() {
	_, err := sup.Start(context.Background(), sup.Spec[*Bidder]{
		Name: "auction",
		Children: []sup.ChildSpec[*Bidder]{
			{ID: "ada"},
			{ID: "bob", Start: newBidder("Bob", 20), StartTimeout: -time.Second},
			{Start: newBidder("Cleo", 30)},
		},
	})
	fmt.Println(err)
	if spec, ok := errors.AsType[*sup.SpecError](err); ok {
		fmt.Println(spec.Faults[0].Path, spec.Faults[0].Field)
	}
	// Output:
	// auction: invalid spec, 3 faults:
	// 	auction/ada: Start: is nil: give a function that makes the worker
	// 	auction/bob: StartTimeout: -1s is negative: use 0 for the default, or a time
	// 	auction: ID: child 2 has no ID: give it one
	// auction/ada Start
}

// The error of a call says which call on which child, and why.
func ExampleCallError() {
	s := startAuction()
	defer end(s)
	err := s.DeleteChild(context.Background(), "ada")
	if call, ok := errors.AsType[*sup.CallError](err); ok {
		fmt.Println(call.Op, call.Path)
	}
	switch {
	case errors.Is(err, sup.ErrRunning):
		fmt.Println("terminate it first")
	case errors.Is(err, sup.ErrNotFound):
		fmt.Println("gone already")
	}
	// Output:
	// delete auction/ada
	// terminate it first
}

func ExampleStartError() {
	s := startAuction()
	defer end(s)
	_, err := s.StartChild(context.Background(), sup.ChildSpec[*Bidder]{
		ID:    "cleo",
		Start: func(context.Context) (*Bidder, error) { return nil, errBroke },
	})
	if start, ok := errors.AsType[*sup.StartError](err); ok {
		fmt.Println(start.Path, start.Err)
	}
	fmt.Println(errors.Is(err, sup.ErrStart), errors.Is(err, errBroke))
	// Output:
	// auction/cleo broke
	// true true
}

func ExampleStartTimeoutError() {
	_, err := sup.Start(context.Background(), sup.Spec[*Bidder]{
		Children: []sup.ChildSpec[*Bidder]{{
			ID:           "slow",
			StartTimeout: time.Millisecond,
			Start: func(ctx context.Context) (*Bidder, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}},
	})
	if timeout, ok := errors.AsType[*sup.StartTimeoutError](err); ok {
		fmt.Println("give it more than", timeout.After)
	}
	fmt.Println(errors.Is(err, sup.ErrStartTimeout))
	// Output:
	// give it more than 1ms
	// true
}

// A supervisor that gives up says which exits led to that.
func ExampleIntensityError() {
	s := startAuction()
	for range 3 {
		breakAndAwait(s, "ada")
	}
	ada, _ := s.Child("ada").Get()
	ada.Break(errBroke)
	<-s.Done()
	if limit, ok := errors.AsType[*sup.IntensityError](s.Err()); ok {
		fmt.Println(limit.Path, limit.Intensity, len(limit.Exits))
	}
	fmt.Println(errors.Is(s.Err(), errBroke))
	// Output:
	// auction 3/5s 4
	// true
}

func ExampleChildExit() {
	s := startAuction()
	for range 3 {
		breakAndAwait(s, "ada")
	}
	bob, _ := s.Child("bob").Get()
	bob.Break(errBroke)
	<-s.Done()
	if limit, ok := errors.AsType[*sup.IntensityError](s.Err()); ok {
		for _, exit := range limit.Exits {
			fmt.Println(exit.Path, exit.Incarnation, exit.Exit)
		}
	}
	// Output:
	// auction/ada 1 abnormal: broke
	// auction/ada 2 abnormal: broke
	// auction/ada 3 abnormal: broke
	// auction/bob 1 abnormal: broke
}

// startDeaf starts a worker that hears nothing until answer is closed.
func startDeaf(answer chan struct{}) *sup.Supervisor[worker] {
	s, err := sup.Start(context.Background(), sup.Spec[worker]{
		Name: "house",
		Children: []sup.ChildSpec[worker]{{
			ID: "deaf", Shutdown: time.Millisecond,
			Start: start(func(context.Context) error { <-answer; return nil }),
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// The error names a stuck child by its path, and has its stack.
func ExampleStuckError() {
	answer := make(chan struct{})
	s := startDeaf(answer)
	err := s.TerminateChild(context.Background(), "deaf")
	fmt.Println(err)
	fmt.Println(errors.Is(err, sup.ErrStuck))

	close(answer)
	end(s)
	// Output:
	// house/deaf: terminate: not stopped in time
	// true
}

func ExampleStuckChild() {
	answer := make(chan struct{})
	s := startDeaf(answer)
	err := s.TerminateChild(context.Background(), "deaf")
	if stuck, ok := errors.AsType[*sup.StuckError](err); ok {
		for _, c := range stuck.Children {
			fmt.Println(c.Path, c.Incarnation, strings.Contains(c.Stack, "ExampleStuckChild") ||
				strings.Contains(c.Stack, "startDeaf"))
		}
	}
	close(answer)
	end(s)
	// Output: house/deaf 1 true
}

func ExamplePanicError() {
	exit := runOnce(sup.ChildSpec[worker]{Start: start(func(context.Context) error {
		shelf := make([]int, 3)
		shelf[len(shelf)] = 1
		return nil
	})})
	if panicked, ok := errors.AsType[*sup.PanicError](exit.Err); ok {
		fmt.Println(panicked.Value)
		fmt.Println(strings.Contains(panicked.Stack, "ExamplePanicError"))
	}
	// Output:
	// runtime error: index out of range [3] with length 3
	// true
}

func ExampleUnhealthyError() {
	exit := runOnce(sup.ChildSpec[worker]{
		Watchdog: time.Millisecond,
		Start:    start(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
	})
	if unhealthy, ok := errors.AsType[*sup.UnhealthyError](exit.Err); ok {
		fmt.Println(unhealthy.Silent >= time.Millisecond)
		fmt.Println(strings.Contains(unhealthy.Stack, "ExampleUnhealthyError"))
	}
	// Output:
	// true
	// true
}

// A worker can tell why it has to stop.
func ExampleStopError() {
	told := make(chan error, 1)
	s, err := sup.Start(context.Background(), sup.Spec[worker]{
		Name: "shop",
		Children: []sup.ChildSpec[worker]{{
			ID: "till",
			Start: start(func(ctx context.Context) error {
				<-ctx.Done()
				told <- context.Cause(ctx)
				return ctx.Err()
			}),
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.TerminateChild(context.Background(), "till"); err != nil {
		log.Fatal(err)
	}
	cause := <-told
	fmt.Println(cause)
	if stop, ok := errors.AsType[*sup.StopError](cause); ok && stop.Reason == sup.ReasonOperator {
		fmt.Println("an operator has closed the shop")
	}
	end(s)
	// Output:
	// termination by an operator
	// an operator has closed the shop
}
