package figures_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"regexp"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// Clerk is a worker.
type Clerk struct{}

// Run works until its context ends.
func (Clerk) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func office() sup.Spec[Clerk] {
	return sup.Spec[Clerk]{Name: "office", Children: []sup.ChildSpec[Clerk]{
		{ID: "ada", Start: func(context.Context) (Clerk, error) { return Clerk{}, nil }},
	}}
}

func ExampleOf() {
	s, err := sup.Start(context.Background(), office())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	metrics := figures.Metrics()
	for _, p := range figures.Of(s.Snapshot(), time.Now()) {
		if m := metrics[p.Metric]; m.Counter {
			fmt.Println(m.Name, p.Labels, p.Value)
		}
	}
	// Output:
	// sup.starts [office ada] 1
	// sup.restarts [office ada] 0
	// sup.failures [office ada] 0
}

func ExampleMetrics() {
	for _, m := range figures.Metrics()[:2] {
		fmt.Println(m.Name, m.Unit, m.Labels)
	}
	// Output:
	// sup.children {child} [supervisor child state]
	// sup.state.age s [supervisor child state]
}

// Package expvar serves published variables at /debug/vars.
func ExampleVar() {
	s, err := sup.Start(context.Background(), office())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	expvar.Publish("office", figures.Var{Tree: sup.Inspect(s)})
	uptime := regexp.MustCompile(`,"sup.uptime".*}`)
	fmt.Println(uptime.ReplaceAllString(expvar.Get("office").String(), "…"))
	// Output:
	// {"sup.children":{"office ada running":1},"sup.intensity.limit":{"office":3},"sup.intensity.window":{"office":5},"sup.starts":{"office ada":1},"sup.supervisors":{"office":1},"sup.up":{"office":1}…
}

// The used part of the allowed restarts shows how near a supervisor is to giving up.
func Example() {
	s, err := sup.Start(context.Background(), office())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	for _, p := range figures.Of(s.Snapshot(), time.Now()) {
		if figures.Metrics()[p.Metric].Name == "sup.intensity.used" {
			fmt.Printf("%s has used %.0f %%\n", p.Labels[0], 100*p.Value)
		}
	}
	// Output: office has used 0 %
}
