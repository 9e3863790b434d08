package sup_test

import (
	"context"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// prices is what the bidders of these examples share: the last price by item.
type prices = kv.Context[string, int]

// newSharedBidder makes a bidder that gives one more than the last price.
func newSharedBidder(ctx context.Context, last *prices) (*Bidder, error) {
	return newBidder("Ada", kv.Add(last, "vase", 1))(ctx)
}

// sharing is a spec of one such bidder.
func sharing() sup.StatefulSpec[*Bidder, string, int] {
	return sup.StatefulSpec[*Bidder, string, int]{
		Name: "auction",
		Children: []sup.StatefulChildSpec[*Bidder, string, int]{
			{ID: "ada", Start: newSharedBidder},
		},
	}
}

// The state survives the workers.
func ExampleStateful() {
	s := sup.NewStateful(sharing())
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(s)
	breakAndAwait(&s.Supervisor, "ada")
	fmt.Println(live(s.Child("ada").Get()))
	price, _ := s.State().Get("vase")
	fmt.Println(price)
	// Output:
	// Ada bids 2
	// 2
}

func ExampleNewStateful() {
	s := sup.NewStateful(sup.StatefulSpec[*Bidder, string, int]{
		Name: "auction",
		Children: []sup.StatefulChildSpec[*Bidder, string, int]{{
			ID: "ada",
			Start: func(ctx context.Context, last *kv.Context[string, int]) (*Bidder, error) {
				last.Set("vase", 10)
				return newBidder("Ada", 10)(ctx)
			},
		}},
	})
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(s)
	fmt.Println(s.State().Get("vase"))
	// Output: 10 true
}

// Two supervisors can share a state: give both the same.
func ExampleStatefulSpec() {
	var last prices
	for range 2 {
		spec := sharing()
		spec.State = &last
		s := sup.NewStateful(spec)
		if err := s.Start(context.Background()); err != nil {
			log.Fatal(err)
		}
		end(s)
	}
	fmt.Println(last.Get("vase"))
	// Output: 2 true
}

func ExampleStateful_StartChild() {
	ctx := context.Background()
	s := sup.NewStateful(sharing())
	if err := s.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(s)
	bob, err := s.StartChild(ctx, sup.StatefulChildSpec[*Bidder, string, int]{ID: "bob", Start: newSharedBidder})
	if err != nil {
		log.Fatal(err)
	}
	b, _ := bob.Get()
	fmt.Println(b.Bid())
	// Output: 2
}

func ExampleStatefulChildSpec() {
	child := sup.StatefulChildSpec[*Bidder, string, int]{
		ID:      "ada",
		Restart: sup.Transient,
		Start: func(ctx context.Context, last *kv.Context[string, int]) (*Bidder, error) {
			if last.Has("vase") {
				return nil, sup.ErrIgnore // sold
			}
			return newBidder("Ada", 10)(ctx)
		},
	}
	spec := sharing()
	spec.Children = append(spec.Children[:0], child)
	s := sup.NewStateful(spec)
	s.State().Set("vase", 99)
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(s)
	fmt.Print(s.Snapshot())
	// Output:
	// auction one_for_one 3/5s
	// └── ada transient stopped
}
