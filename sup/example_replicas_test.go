package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

// clerks is a spec of three bidders that are alike.
func clerks() sup.ReplicasSpec[*Bidder] {
	return sup.ReplicasSpec[*Bidder]{
		Name:  "clerks",
		Count: 3,
		Start: func(ctx context.Context, i int) (*Bidder, error) {
			return newBidder(fmt.Sprint("clerk ", i), 10*i)(ctx)
		},
	}
}

// startClerks starts it.
func startClerks() *sup.Replicas[*Bidder] {
	r := sup.NewReplicas(clerks())
	if err := r.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	return r
}

func ExampleNewReplicas() {
	r := sup.NewReplicas(sup.ReplicasSpec[*Bidder]{
		Name:  "clerks",
		Count: 3,
		Start: func(ctx context.Context, i int) (*Bidder, error) {
			return newBidder(fmt.Sprint("clerk ", i), 10*i)(ctx)
		},
	})
	if err := r.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(r)
	fmt.Print(r.Snapshot())
	// Output:
	// clerks one_for_one 3/5s
	// ├── 0 permanent running
	// ├── 1 permanent running
	// └── 2 permanent running
}

func ExampleReplicasSpec() {
	err := sup.NewReplicas(sup.ReplicasSpec[*Bidder]{Name: "clerks"}).Start(context.Background())
	fmt.Println(err)
	// Output:
	// clerks: invalid spec, 2 faults:
	// 	clerks: Start: is nil: give a function that makes the worker of an index
	// 	clerks: Count: is 0: use 1 or more
}

func ExampleReplicas() {
	r := startClerks()
	defer end(r)
	for i, b := range r.All() {
		fmt.Println(i, b.Name)
	}
	// Output:
	// 0 clerk 0
	// 1 clerk 1
	// 2 clerk 2
}

// Next spreads the work over the replicas that are up.
func ExampleReplicas_Next() {
	r := startClerks()
	defer end(r)
	if err := r.TerminateChild(context.Background(), 1); err != nil {
		log.Fatal(err)
	}
	work := make(map[string]int)
	for range 8 {
		if b, ok := r.Next(); ok {
			work[b.Name]++
		}
	}
	fmt.Println(len(work), work["clerk 1"])
	// Output: 2 0
}

// Do is Next, and waits if all are down.
func ExampleReplicas_Do() {
	ctx := context.Background()
	r := startClerks()
	for _, b := range r.All() {
		b.Break(errBroke)
	}
	err := r.Do(ctx, func(_ context.Context, b *Bidder) error {
		fmt.Println(b.Name[:5], "serves")
		return nil
	})
	fmt.Println(err)
	end(r)

	err = r.Do(ctx, func(context.Context, *Bidder) error { return nil })
	fmt.Println(errors.Is(err, sup.ErrNotRunning))
	// Output:
	// clerk serves
	// <nil>
	// true
}

func ExampleReplicas_Declare() {
	type House struct {
		sup.Tree
		Clerks sup.Replicas[*Bidder]
	}
	h := new(House)
	h.Declare(sup.TreeSpec{Name: "house"}, h.Clerks.Declare(clerks()))
	if err := h.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(h)
	b, _ := h.Clerks.Get(2)
	fmt.Println(b.Name)
	// Output: clerk 2
}
