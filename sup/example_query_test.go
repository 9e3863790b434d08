package sup_test

import (
	"fmt"

	"github.com/espalier-go/espalier/sup"
)

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

// A path leads to a child whatever its id is made of.
func ExampleChildPath() {
	rates := sup.NewKeyed(sup.KeyedSpec[string, *Bidder]{Name: "rates"})
	fmt.Println(sup.ChildPath(rates.Snapshot().Path, "EUR/USD"))
	// Output:
	// rates/EUR%2FUSD
}
