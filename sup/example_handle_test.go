package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

func ExampleSupervisor_Child() {
	s := startAuction()
	defer end(s)
	ada := s.Child("ada") // good for as long as the child is declared
	fmt.Println(live(ada.Get()))
	breakAndAwait(s, "ada")
	fmt.Println(live(ada.Get())) // the new one
	fmt.Println(live(s.Child("nobody").Get()))
	// Output:
	// Ada bids 10
	// Ada bids 10
	// none
}

// live describes what Get returned.
func live(b *Bidder, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprint(b.Name, " bids ", b.Bid())
}

// A handle is small and may be copied to all users of the worker.
func ExampleChild() {
	type Hall struct{ best sup.Child[*Bidder] }

	s := startAuction()
	defer end(s)
	hall := Hall{best: s.Child("bob")}
	if bob, ok := hall.best.Get(); ok {
		fmt.Println(bob.Bid())
	}
	// Output: 20
}

// Wait waits while there is hope, and says why there is none.
func ExampleChild_Wait() {
	ctx := context.Background()
	s := startAuction()
	defer end(s)
	ada := s.Child("ada")
	b, err := ada.Wait(ctx)
	fmt.Println(b.Name, err)

	if err := s.TerminateChild(ctx, "ada"); err != nil {
		log.Fatal(err)
	}
	_, err = ada.Wait(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, sup.ErrStopped))
	// Output:
	// Ada <nil>
	// auction/ada: wait: child stopped
	// true
}

// Do survives the moment in which the worker is being replaced.
func ExampleChild_Do() {
	s := startAuction()
	defer end(s)
	b, _ := s.Child("ada").Get()
	b.Break(errBroke) // it may be down by the next line

	err := s.Child("ada").Do(context.Background(), func(_ context.Context, b *Bidder) error {
		fmt.Println(b.Bid())
		return nil
	})
	fmt.Println(err)
	// Output:
	// 10
	// <nil>
}

func ExampleAs() {
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{
		Name: "house",
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "ada", Start: func(ctx context.Context) (sup.Worker, error) { return newBidder("Ada", 10)(ctx) }},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	ada := sup.As[*Bidder](s.Child("ada"))
	b, ok := ada.Get()
	fmt.Println(b.Bid(), ok)

	_, err = sup.As[worker](s.Child("ada")).Wait(context.Background())
	fmt.Println(errors.Is(err, sup.ErrWrongType))
	// Output:
	// 10 true
	// true
}
