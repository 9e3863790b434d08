package sup_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A House is a tree: its fields are its children, and live handles to them.
type House struct {
	sup.Tree
	Host  sup.Child[*Bidder]
	Desks sup.Replicas[*Bidder]
	Lots  sup.Keyed[string, *Bidder]
}

// NewHouse is what supgen would write from tags on the fields.
func NewHouse() *House {
	h := new(House)
	h.Declare(sup.TreeSpec{Name: "house", Strategy: sup.RestForOne},
		h.Host.Declare(sup.ChildSpec[*Bidder]{ID: "host", Start: newBidder("Hugo", 1)}),
		h.Desks.Declare(sup.ReplicasSpec[*Bidder]{
			Name: "desks", Count: 2,
			Start: func(ctx context.Context, i int) (*Bidder, error) {
				host, err := h.Host.Wait(ctx) // declared before, and so ready
				if err != nil {
					return nil, err
				}
				return newBidder(fmt.Sprint("desk ", i, " of ", host.Name), i)(ctx)
			},
		}),
		h.Lots.Declare(sup.KeyedSpec[string, *Bidder]{
			Name: "lots", Restart: sup.Transient,
			Start: func(ctx context.Context, lot string) (*Bidder, error) { return newBidder(lot, 5)(ctx) },
		}),
	)
	return h
}

func ExampleTree() {
	ctx := context.Background()
	h := NewHouse()
	if err := h.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(h)

	host, _ := h.Host.Get() // a *Bidder
	desk, _ := h.Desks.Get(1)
	fmt.Println(host.Name, desk.Name)
	if _, err := h.Lots.StartChild(ctx, "a vase"); err != nil {
		log.Fatal(err)
	}
	fmt.Print(h.Tree.Snapshot())
	// Output:
	// Hugo desk 1 of Hugo
	// house rest_for_one 3/5s
	// ├── host permanent running
	// ├── desks permanent running, one_for_one 3/5s
	// │   ├── 0 permanent running
	// │   └── 1 permanent running
	// └── lots permanent running, one_for_one 3/5s
	//     └── a vase transient running
}

func ExampleTreeSpec() {
	h := new(House)
	h.Declare(sup.TreeSpec{
		Name:      "house",
		Strategy:  sup.OneForAll,
		Intensity: sup.Intensity{Restarts: 1, Within: time.Minute},
	}, h.Host.Declare(sup.ChildSpec[*Bidder]{ID: "host", Start: newBidder("Hugo", 1)}))
	fmt.Println(h.Name(), h.Strategy(), h.Intensity())
	// Output: house one_for_all 1/1m
}

// What is wrong anywhere in a declaration is said when the tree starts.
func ExampleTree_Declare() {
	type Stall struct {
		sup.Tree
		Host, Guest sup.Child[*Bidder]
	}
	s := new(Stall)
	s.Declare(sup.TreeSpec{Name: "stall"},
		s.Host.Declare(sup.ChildSpec[*Bidder]{ID: "host", Start: newBidder("Hugo", 1)}),
		s.Guest.Declare(sup.ChildSpec[*Bidder]{ID: "host", Shutdown: -time.Second}),
	)
	fmt.Println(s.Start(context.Background()))
	// Output:
	// stall: invalid spec, 3 faults:
	// 	stall/host: Start: is nil: give a function that makes the worker
	// 	stall/host: Shutdown: -1s is negative: use a time, Infinity or Brutal
	// 	stall/host: ID: children 0 and 1 have the same ID: give each its own
}

func ExampleChild_Declare() {
	type Stall struct {
		sup.Tree
		Host sup.Child[*Bidder]
	}
	s := new(Stall)
	s.Declare(sup.TreeSpec{Name: "stall"},
		s.Host.Declare(sup.ChildSpec[*Bidder]{ID: "host", Start: newBidder("Hugo", 1)}),
	)
	for range 2 { // the handle is good for every life of the tree
		if err := s.Start(context.Background()); err != nil {
			log.Fatal(err)
		}
		fmt.Println(live(s.Host.Get()))
		end(s)
	}
	// Output:
	// Hugo bids 1
	// Hugo bids 1
}

// A member is made by a Declare method, or by Nest; a list of them can be built
// at run time.
func ExampleMember() {
	var t sup.Tree
	var children [3]sup.Child[*Bidder]
	var members []sup.Member
	for i := range children {
		members = append(members, children[i].Declare(sup.ChildSpec[*Bidder]{
			ID: fmt.Sprint("desk-", i), Start: newBidder("Hugo", i),
		}))
	}
	t.Declare(sup.TreeSpec{Name: "desks"}, members...)
	if err := t.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(&t)
	fmt.Print(t.Snapshot())
	// Output:
	// desks one_for_one 3/5s
	// ├── desk-0 permanent running
	// ├── desk-1 permanent running
	// └── desk-2 permanent running
}

func ExampleNest() {
	type Street struct {
		sup.Tree
		Left, Right *House
	}
	s := &Street{Left: NewHouse(), Right: NewHouse()}
	s.Declare(sup.TreeSpec{Name: "street"},
		sup.Nest(s.Left, sup.ChildSpec[*House]{ID: "left"}),
		sup.Nest(s.Right, sup.ChildSpec[*House]{ID: "right", Restart: sup.Transient}),
	)
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer end(s)
	fmt.Println(live(s.Right.Desks.Get(1)))
	for _, c := range s.Children() {
		fmt.Println(c.ID, c.Kind, c.State)
	}
	// Output:
	// desk 1 of Hugo bids 1
	// left supervisor running
	// right supervisor running
}
