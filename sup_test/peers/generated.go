package main

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"time"

	"github.com/espalier-go/espalier/gen"
	"github.com/espalier-go/espalier/sup_test/peers/service"
)

// measureGenerated compares a generated tree with the same tree by hand, from
// its construction to the end of its shutdown.
func measureGenerated(r *report) {
	const repeat = 20
	worker := new(service.Worker)
	cycle := func(build func() *service.Service) func(m *meter) {
		return func(m *meter) {
			m.do(repeat, func() {
				for range repeat {
					s := build()
					check(s.Start(context.Background()))
					shutdown(s)
				}
			})
		}
	}
	var children service.ServiceChildren = service.Made{Worker: worker}
	found := compare(6*time.Second,
		contender{name: "by hand", measure: cycle(func() *service.Service { return service.ByHand(worker) })},
		contender{name: "espalier", measure: cycle(func() *service.Service { return service.NewService(children) })},
	)
	r.add(found, judged{what: "generated tree: build, start, stop", ours: "espalier", limit: "by hand", target: 1.05})
	more := found["espalier"].median(allocs) - found["by hand"].median(allocs)
	r.row(row{
		What: "generated tree: allocations more than by hand", Ours: count(found["espalier"].median(allocs)),
		Limit: count(found["by hand"].median(allocs)), Ratio: spread{more, more, more, 0}, Exact: true,
	})
}

// measureGenerator compares the generator with the bare parse of its input.
func measureGenerator(r *report) {
	const repeat, dir = 1, "service"
	sources := []string{"service.go", "hand.go"}
	found := compare(5*time.Second,
		contender{name: "parse", measure: func(m *meter) {
			m.do(repeat, func() {
				for range repeat {
					fset := token.NewFileSet()
					for _, name := range sources {
						must(parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution))
					}
				}
			})
		}},
		contender{name: "espalier", measure: func(m *meter) {
			m.do(repeat, func() {
				for range repeat {
					outputs, faults, err := gen.Generate(dir)
					check(err)
					if len(faults) > 0 || len(outputs) == 0 {
						panic(fmt.Sprintf("supgen wrote %d files, faults: %v", len(outputs), faults))
					}
				}
			})
		}},
	)
	r.add(found, judged{what: "supgen, a package with one tree", ours: "espalier", limit: "parse", limitText: "go/parser, the same files"})
}
