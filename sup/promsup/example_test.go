package promsup_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/promsup"
)

func ExampleNew() {
	ctx := context.Background()
	tree, err := sup.Start(ctx, spec("orders"))
	if err != nil {
		log.Fatal(err)
	}
	defer tree.Shutdown(ctx)
	registry := prometheus.NewRegistry() // or prometheus.DefaultRegisterer
	registry.MustRegister(promsup.New(tree))
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "sup_starts_total" {
			fmt.Println(f.GetName(), f.GetMetric()[0].GetCounter().GetValue(), err)
		}
	}
	// Output: sup_starts_total 1 <nil>
}

// An inspector may read a tree over a network. This one reads a tree of this process.
func ExampleNewOf() {
	registry := prometheus.NewRegistry()
	err := registry.Register(promsup.NewOf(sup.Inspect(sup.New(spec("orders")))))
	fmt.Println(err)
	// Output: <nil>
}

// One collector exports several trees.
func Example() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(promsup.New(sup.New(spec("orders")), sup.New(spec("billing"))))
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "sup_supervisors" {
			fmt.Println(len(f.GetMetric()), err)
		}
	}
	// Output: 2 <nil>
}
