package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

func ExampleStart() {
	s, err := sup.Start(context.Background(), sup.Spec[*Bidder]{
		Name:     "auction",
		Strategy: sup.OneForAll,
		Children: []sup.ChildSpec[*Bidder]{
			{ID: "ada", Start: newBidder("Ada", 10)},
			{ID: "bob", Start: newBidder("Bob", 20), Restart: sup.Transient},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	fmt.Print(s.Snapshot())
	// Output:
	// auction one_for_all 3/5s
	// ├── ada permanent running
	// └── bob transient running
}

// If a child does not start, those before it are stopped, and nothing is left.
func ExampleStart_failure() {
	spec := auction()
	spec.Children = append(spec.Children, sup.ChildSpec[*Bidder]{
		ID:    "cleo",
		Start: func(context.Context) (*Bidder, error) { return nil, errBroke },
	})
	_, err := sup.Start(context.Background(), spec)
	fmt.Println(err)
	fmt.Println(errors.Is(err, sup.ErrStart), errors.Is(err, errBroke))
	// Output:
	// auction/cleo: start: broke
	// true true
}

// The context given to Start is the supervisor's life.
func ExampleStart_context() {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := sup.Start(ctx, auction())
	if err != nil {
		log.Fatal(err)
	}
	cancel()
	<-s.Done() // all children have stopped, in reverse order
	fmt.Println(s.Err())
	// Output: <nil>
}

// A deaf bidder does not heed its context.
type deaf struct{ hammer chan struct{} }

func (d deaf) Run(context.Context) error { <-d.hammer; return nil }

// A program that has to end with its tree waits for Ending: a child that ignores
// its context keeps the tree from Done.
func ExampleSupervisor_Ending() {
	hammer := make(chan struct{})
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "auction", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "cleo", Start: func(context.Context) (sup.Worker, error) { return deaf{hammer}, nil }},
		{ID: "dora", Start: func(context.Context) (sup.Worker, error) {
			b := &Bidder{ill: make(chan error, 1)}
			b.Break(errBroke)
			return b, nil
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	<-s.Ending()
	fmt.Println(s.Err())

	now, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(s.Shutdown(now))

	close(hammer)
	<-s.Done()
	// Output:
	// auction: more than 3 restarts in 5s; last: auction/dora, abnormal: broke
	// auction/cleo: not stopped in time: context canceled
}

// New is for supervisors that something else runs: an errgroup, a main, another
// supervisor.
func ExampleNew() {
	s := sup.New(auction())
	events := watching(s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()

	events.await(sup.SupervisorStarted)
	cancel()
	fmt.Println(<-ended)
	// Output: <nil>
}

func ExampleSupervisor() {
	s := startAuction()
	defer end(s)
	for id, b := range s.All() {
		fmt.Println(id, b.Bid())
	}
	// Output:
	// ada 10
	// bob 20
}

// A supervisor is a worker, and so can be the child of another one.
func ExampleSupervisor_nested() {
	house, err := sup.Start(context.Background(), sup.Spec[*sup.Supervisor[*Bidder]]{
		Name: "house",
		Children: []sup.ChildSpec[*sup.Supervisor[*Bidder]]{{
			ID: "paintings",
			Start: func(context.Context) (*sup.Supervisor[*Bidder], error) {
				return sup.New(auction()), nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(house)
	paintings, _ := house.Child("paintings").Get()
	ada, _ := paintings.Child("ada").Get()
	fmt.Println(ada.Name, ada.Bid())
	// Output: Ada 10
}

// A supervisor of mixed workers is one of Worker; As gives typed handles to its
// children.
func ExampleSupervisor_mixed() {
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{
		Name: "house",
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "ada", Start: func(ctx context.Context) (sup.Worker, error) { return newBidder("Ada", 10)(ctx) }},
			{ID: "auction", Start: func(context.Context) (sup.Worker, error) { return sup.New(auction()), nil }},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	ada, ok := sup.As[*Bidder](s.Child("ada")).Get()
	fmt.Println(ada.Bid(), ok)
	// Output: 10 true
}

// Start, the method, starts what New has made, and what has ended once more.
func ExampleSupervisor_Start() {
	ctx := context.Background()
	s := sup.New(auction())
	for range 2 {
		if err := s.Start(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Start(ctx))
		end(s)
	}
	// Output:
	// auction: start: already running
	// auction: start: already running
}

// Run starts the supervisor and returns when it has ended, with the reason.
func ExampleSupervisor_Run() {
	s := sup.New(sup.Spec[*Bidder]{
		Name:      "auction",
		Intensity: sup.Intensity{Restarts: 2},
		Children: []sup.ChildSpec[*Bidder]{{
			ID: "ada",
			Start: func(ctx context.Context) (*Bidder, error) {
				ada, err := newBidder("Ada", 10)(ctx)
				ada.Break(errBroke)
				return ada, err
			},
		}},
	})
	err := s.Run(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, sup.ErrIntensity), errors.Is(err, errBroke))
	// Output:
	// auction: more than 2 restarts in 5s; last: auction/ada, abnormal: broke
	// true true
}

// Initialize is what a parent calls: it returns when the children are ready,
// and Run waits for the end.
func ExampleSupervisor_Initialize() {
	ctx, cancel := context.WithCancel(context.Background())
	s := sup.New(auction())
	if err := s.Initialize(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(s.Children()), "are ready")
	cancel()
	fmt.Println(s.Run(ctx))
	// Output:
	// 2 are ready
	// <nil>
}

// The context given to Shutdown is the budget for waiting.
func ExampleSupervisor_Shutdown() {
	deaf := make(chan struct{})
	s, err := sup.Start(context.Background(), sup.Spec[worker]{
		Name: "house",
		Children: []sup.ChildSpec[worker]{
			{ID: "deaf", Start: start(func(context.Context) error { <-deaf; return nil })},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hurry, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no time left"))
	fmt.Println(s.Shutdown(hurry))

	close(deaf)
	fmt.Println(s.Shutdown(context.Background())) // waits for the rest
	// Output:
	// house/deaf: not stopped in time: no time left
	// <nil>
}

func ExampleSupervisor_Err() {
	spec := auction()
	spec.Intensity = sup.Intensity{Restarts: 0, Within: 1} // no restart at all
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	ada, _ := s.Child("ada").Get()
	ada.Break(errBroke)
	<-s.Done()
	fmt.Println(s.Err())
	// Output: auction: more than 0 restarts in 1ns; last: auction/ada, abnormal: broke
}
