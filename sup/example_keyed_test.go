package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

// feeds is a spec of a set of bidders by name.
func feeds() sup.KeyedSpec[string, *Bidder] {
	return sup.KeyedSpec[string, *Bidder]{
		Name: "feeds",
		Start: func(ctx context.Context, name string) (*Bidder, error) {
			return newBidder(name, len(name))(ctx)
		},
	}
}

// startFeeds starts it, with a child for each name.
func startFeeds(names ...string) *sup.Keyed[string, *Bidder] {
	ctx := context.Background()
	set := sup.NewKeyed(feeds())
	if err := set.Start(ctx); err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		if _, err := set.StartChild(ctx, name); err != nil {
			log.Fatal(err)
		}
	}
	return set
}

func ExampleNewKeyed() {
	ctx := context.Background()
	set := sup.NewKeyed(sup.KeyedSpec[int, *Bidder]{
		Name: "bidders",
		Start: func(ctx context.Context, n int) (*Bidder, error) {
			return newBidder(fmt.Sprint("number ", n), 10*n)(ctx)
		},
	})
	if err := set.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(set)
	seven, err := set.StartChild(ctx, 7)
	if err != nil {
		log.Fatal(err)
	}
	b, _ := seven.Get()
	fmt.Println(b.Name, b.Bid())
	// Output: number 7 70
}

// A set is bounded by Max, and its children share what the spec says of them.
func ExampleKeyedSpec() {
	ctx := context.Background()
	spec := feeds()
	spec.Restart, spec.Max = sup.Temporary, 1
	set := sup.NewKeyed(spec)
	if err := set.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(set)
	if _, err := set.StartChild(ctx, "ACME"); err != nil {
		log.Fatal(err)
	}
	_, err := set.StartChild(ctx, "INI")
	fmt.Println(err)
	fmt.Println(errors.Is(err, sup.ErrMaxChildren))
	// Output:
	// feeds/INI: start child: maximum of children reached: 1
	// true
}

func ExampleKeyed() {
	ctx := context.Background()
	set := startFeeds("ACME", "INI")
	defer end(set)

	acme, ok := set.Get("ACME")
	fmt.Println(acme.Name, ok, set.Len())
	if err := set.RemoveChild(ctx, "ACME"); err != nil {
		log.Fatal(err)
	}
	_, ok = set.Get("ACME")
	fmt.Println(ok, set.Len())
	// Output:
	// ACME true 2
	// false 1
}

func ExampleKeyed_StartChild() {
	ctx := context.Background()
	set := startFeeds()
	defer end(set)
	acme, err := set.StartChild(ctx, "ACME")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(live(acme.Get()))

	acme, err = set.StartChild(ctx, "ACME") // the handle is good, although the call fails
	fmt.Println(errors.Is(err, sup.ErrAlreadyRunning))
	fmt.Println(live(acme.Get()))
	// Output:
	// ACME bids 4
	// true
	// ACME bids 4
}

// A worker for each name is started when the name is first asked for.
func ExampleKeyed_Ensure() {
	ctx := context.Background()
	set := startFeeds()
	defer end(set)
	for _, name := range []string{"ACME", "INI", "ACME"} {
		h, err := set.Ensure(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(live(h.Get()))
	}
	fmt.Println(set.Len(), "children")

	if err := set.TerminateChild(ctx, "INI"); err != nil {
		log.Fatal(err)
	}
	_, err := set.Ensure(ctx, "INI") // what an operator has stopped stays stopped
	fmt.Println(err)
	// Output:
	// ACME bids 4
	// INI bids 3
	// ACME bids 4
	// 2 children
	// feeds/INI: ensure: child stopped
}

func ExampleKeyed_Declare() {
	type Exchange struct {
		sup.Tree
		Feeds sup.Keyed[string, *Bidder]
	}
	x := new(Exchange)
	x.Declare(sup.TreeSpec{Name: "exchange"}, x.Feeds.Declare(feeds()))

	ctx := context.Background()
	if err := x.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(x)
	if _, err := x.Feeds.StartChild(ctx, "ACME"); err != nil {
		log.Fatal(err)
	}
	fmt.Print(x.Tree.Snapshot())
	// Output:
	// exchange one_for_one 3/5s
	// └── feeds permanent running, one_for_one 3/5s
	//     └── ACME permanent running
}
