package sup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A snapshot tells what had happened to children that are gone.
func ExampleRetired() {
	ctx := context.Background()
	rooms := sup.NewKeyed(sup.KeyedSpec[int, *Bidder]{
		Name:  "rooms",
		Start: func(context.Context, int) (*Bidder, error) { return &Bidder{}, nil },
	})
	if err := rooms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer end(rooms)
	for n := range 3 {
		if _, err := rooms.StartChild(ctx, n); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(rooms.RemoveChild(ctx, 0), rooms.RemoveChild(ctx, 1))
	fmt.Printf("%+v\n", rooms.Snapshot().Retired)
	// Output:
	// <nil> <nil>
	// [{Supervisor: Child:* Counts:{Starts:2 Restarts:0 Failures:0}}]
}

// A snapshot tells how a child is declared, as far as it is not by default.
func ExamplePolicy() {
	spec := auction()
	spec.Children[0].Backoff = sup.Backoff{Min: time.Second}
	for _, c := range sup.New(spec).Children() {
		text, err := json.Marshal(c.Policy)
		fmt.Println(c.ID, string(text), err)
	}
	// Output:
	// ada {"backoff":{"min":1000000000,"max":60000000000,"factor":2,"jitter":0,"resetAfter":60000000000}} <nil>
	// bob {} <nil>
}
