package sup_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/sup"
)

func ExampleSupervisor_All() {
	s := startAuction()
	defer end(s)
	best := 0
	for _, b := range s.All() {
		best = max(best, b.Bid())
	}
	fmt.Println(best)
	// Output: 20
}

func ExampleSupervisor_Children() {
	s := startAuction()
	defer end(s)
	for _, c := range s.Children() {
		fmt.Println(c.ID, c.Restart, c.State, c.Incarnation)
	}
	// Output:
	// ada permanent running 1
	// bob transient running 1
}

func ExampleSupervisor_Snapshot() {
	s := startAuction()
	defer end(s)
	breakAndAwait(s, "bob")
	fmt.Print(s.Snapshot())
	// Output:
	// auction one_for_one 3/5s
	// ├── ada permanent running
	// └── bob transient running, restarts 1, last exit abnormal: broke
}

func ExampleSupervisorInfo() {
	s := startAuction()
	defer end(s)
	breakAndAwait(s, "ada")
	tree := s.Snapshot()
	fmt.Println(tree.Path, tree.Running, tree.Restarts, "of", tree.Intensity)
	for _, c := range tree.Children {
		if c.Supervisor != nil {
			fmt.Println("below", c.Supervisor.Path)
		}
	}
	// Output: auction true 1 of 3/5s
}

func ExampleChildInfo() {
	s := startAuction()
	defer end(s)
	breakAndAwait(s, "ada")
	ada, declared := s.Child("ada").Info()
	fmt.Println(declared, ada.Kind, ada.State, ada.Incarnation, ada.Restarts, ada.LastExit)
	// Output: true worker running 2 1 abnormal: broke
}

func ExampleKind() {
	s := startAuction()
	defer end(s)
	for _, c := range s.Children() {
		if c.Kind == sup.KindWorker {
			fmt.Println(c.ID, "is a", c.Kind)
		}
	}
	// Output:
	// ada is a worker
	// bob is a worker
}

func ExampleState() {
	s := startAuction()
	fmt.Println(s.Children()[0].State)
	end(s)
	fmt.Println(s.Children()[0].State == sup.StateStopped)
	// Output:
	// running
	// true
}

// AtRest tells children that come back by themselves from those that do not.
func ExampleState_AtRest() {
	s := startAuction()
	defer end(s)
	if err := s.TerminateChild(context.Background(), "ada"); err != nil {
		log.Fatal(err)
	}
	for _, c := range s.Children() {
		fmt.Println(c.ID, c.State.AtRest())
	}
	// Output:
	// ada true
	// bob false
}

func ExampleSupervisor_Name() {
	fmt.Println(sup.New(auction()).Name())
	fmt.Println(sup.New(sup.Spec[*Bidder]{}).Name())
	// Output:
	// auction
	// supervisor
}

func ExampleSupervisor_Strategy() {
	fmt.Println(sup.New(sup.Spec[*Bidder]{Strategy: sup.RestForOne}).Strategy())
	// Output: rest_for_one
}

func ExampleSupervisor_Intensity() {
	fmt.Println(sup.New(sup.Spec[*Bidder]{}).Intensity())
	// Output: 3/5s
}

func ExampleSupervisor_Uptime() {
	s := startAuction()
	fmt.Println(s.Uptime() > 0, s.Uptime() < time.Hour)
	end(s)
	fmt.Println(s.Uptime())
	// Output:
	// true true
	// 0s
}

// A path leads to a child whatever its id is made of.
func ExampleChildPath() {
	rates := sup.NewKeyed(sup.KeyedSpec[string, *Bidder]{Name: "rates"})
	fmt.Println(sup.ChildPath(rates.Snapshot().Path, "EUR/USD"))
	// Output:
	// rates/EUR%2FUSD
}
