package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/sup"
)

func ExampleSupervisor_StartChild() {
	ctx := context.Background()
	s := startAuction()
	defer end(s)

	cleo, err := s.StartChild(ctx, sup.ChildSpec[*Bidder]{ID: "cleo", Start: newBidder("Cleo", 30)})
	if err != nil {
		log.Fatal(err)
	}
	b, _ := cleo.Get()
	fmt.Println(b.Name, b.Bid())

	_, err = s.StartChild(ctx, sup.ChildSpec[*Bidder]{ID: "ada", Start: newBidder("Ada", 40)})
	fmt.Println(err)
	// Output:
	// Cleo 30
	// auction/ada: start child: already running
}

// The error of a start that takes too long differs from the error of one that fails.
func ExampleSupervisor_StartChild_timeout() {
	s := startAuction()
	defer end(s)
	_, err := s.StartChild(context.Background(), sup.ChildSpec[*Bidder]{
		ID:           "dora",
		StartTimeout: 10 * time.Millisecond,
		Start: func(ctx context.Context) (*Bidder, error) {
			<-ctx.Done() // a server that does not answer
			return nil, ctx.Err()
		},
	})
	fmt.Println(err)
	if timeout, ok := errors.AsType[*sup.StartTimeoutError](err); ok {
		fmt.Println("not within", timeout.After)
	}
	_, declared := s.Child("dora").Info()
	fmt.Println(declared)
	// Output:
	// auction/dora: start child: not ready within 10ms
	// not within 10ms
	// false
}

func ExampleSupervisor_TerminateChild() {
	ctx := context.Background()
	s := startAuction()
	defer end(s)
	if err := s.TerminateChild(ctx, "ada"); err != nil {
		log.Fatal(err)
	}
	fmt.Print(s.Snapshot())
	fmt.Println(s.TerminateChild(ctx, "nobody"))
	// Output:
	// auction one_for_one 3/5s
	// ├── ada permanent stopped
	// └── bob transient running
	// auction/nobody: terminate: not found
}

func ExampleSupervisor_RestartChild() {
	ctx := context.Background()
	s := startAuction()
	defer end(s)
	fmt.Println(s.RestartChild(ctx, "ada"))

	if err := s.TerminateChild(ctx, "ada"); err != nil {
		log.Fatal(err)
	}
	if err := s.RestartChild(ctx, "ada"); err != nil {
		log.Fatal(err)
	}
	ada, ok := s.Child("ada").Get()
	fmt.Println(ada.Name, ok)
	// Output:
	// auction/ada: restart: still running
	// Ada true
}

func ExampleSupervisor_DeleteChild() {
	s := startAuction()
	defer end(s)
	fmt.Println(s.DeleteChild(context.Background(), "ada"))

	if err := s.TerminateChild(context.Background(), "ada"); err != nil {
		log.Fatal(err)
	}
	if err := s.DeleteChild(context.Background(), "ada"); err != nil {
		log.Fatal(err)
	}
	fmt.Print(s.Snapshot())
	// Output:
	// auction/ada: delete: still running
	// auction one_for_one 3/5s
	// └── bob transient running
}
