package sup_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// The children of a Supervisor[Worker] are of several types. As gives typed handles.
func ExampleAdapt() {
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[sup.Worker]{
		Name: "auction",
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "ada", Start: sup.Adapt(newBidder("Ada", 10))},                                                  // a *Bidder
			{ID: "shop", Start: sup.Adapt(func(context.Context) (*Greeter, error) { return new(Greeter), nil })}, // a *Greeter
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	ada, _ := sup.As[*Bidder](s.Child("ada")).Get()
	fmt.Println(ada.Name, ada.Bid())
	// Output: Ada 10
}

func ExampleEvery() {
	ctx := context.Background()
	polled := make(chan struct{})
	s, err := sup.Start(ctx, sup.Spec[sup.Worker]{
		Name: "rates",
		Children: []sup.ChildSpec[sup.Worker]{{ID: "poll", Start: sup.Every(time.Millisecond, func(ctx context.Context) error {
			select {
			case polled <- struct{}{}:
			case <-ctx.Done():
			}
			return nil // an error would restart the child
		})}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	<-polled
	<-polled
	fmt.Println("polled twice")
	// Output: polled twice
}

// A worker that shows the whole tree, such as a page, can be a child of it.
func ExampleRoot() {
	shown := make(chan struct{})
	show := worker(func(ctx context.Context) error {
		tree, err := sup.Inspect(sup.Root(ctx)).Snapshot(ctx, "")
		if err != nil {
			return err
		}
		fmt.Println(tree.Path, tree.Children[0].ID, tree.Children[0].State)
		close(shown)
		<-ctx.Done()
		return ctx.Err()
	})
	s, err := sup.Start(context.Background(), sup.Spec[worker]{Name: "shop", Children: []sup.ChildSpec[worker]{{ID: "page", Start: start(show)}}})
	if err != nil {
		log.Fatal(err)
	}
	defer end(s)
	<-shown
	// Output: shop page running
}

// A worker looks at its siblings.
func ExampleParent() {
	runOnce(sup.ChildSpec[worker]{Start: start(func(ctx context.Context) error {
		siblings, err := sup.Inspect(sup.Parent(ctx)).Children(ctx, "")
		fmt.Println(len(siblings), siblings[0].ID, err)
		return nil
	})})
	fmt.Println(sup.Parent(context.Background()))
	// Output:
	// 1 one <nil>
	// <nil>
}
