package gen_test

import (
	"fmt"
	"os"

	"github.com/espalier-go/espalier/gen"
)

// The outputs of a package that is up to date are not stale.
func ExampleGenerate() {
	outputs, faults, err := gen.Generate("internal/golden/orders")
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range faults {
		fmt.Println(f)
	}
	for _, o := range outputs {
		fmt.Println(o.Path, o.Stale())
	}
	// Output:
	// internal/golden/orders/sup_gen.go false
}

// The nested tree web.Server is in another package.
func ExampleLoader_Graph() {
	var l gen.Loader
	p, _, err := l.Load("internal/golden/orders")
	if err != nil {
		fmt.Println(err)
	}
	if err := l.Graph(os.Stdout, gen.Text, []*gen.Package{p}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// orders, rest_for_one, intensity=3/5s
	// ├── quotes kv.Context[Symbol, Quote]
	// ├── db *Pool, permanent, shutdown=5s
	// ├── feeds[Symbol] *Feed, transient, max=2
	// ├── match[4] *Matcher
	// └── web *web.Server, one_for_all, shutdown=30s
	//     ├── http *Listener, shutdown=1s
	//     └── https *Listener, start_timeout=10s
}

func ExampleFind() {
	dirs, err := gen.Find([]string{"./internal/golden/names/..."})
	fmt.Println(dirs, err)
	// Output:
	// [internal/golden/names] <nil>
}
