package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/espalier-go/espalier/sup"
)

// A Greeter is a worker whose Run returns when it is asked to stop, or when it
// has failed.
type Greeter struct {
	name string
	ills chan error
}

func (g *Greeter) Run(ctx context.Context) error {
	select {
	case err := <-g.ills:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A worker that fails is replaced by a new one; a handle gives the one that is
// live.
func Example() {
	ctx := context.Background()
	ills := make(chan error)

	s, err := sup.Start(ctx, sup.Spec[*Greeter]{
		Name: "greeters",
		Children: []sup.ChildSpec[*Greeter]{{
			ID:    "ada",
			Start: func(context.Context) (*Greeter, error) { return &Greeter{"Ada", ills}, nil },
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	inspector := sup.Inspect(s)
	before, err := inspector.Status(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	ills <- errors.New("a cold")
	for e, err := range inspector.Events(ctx, "", before.Seq) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Kind, e.Path)
		if e.Kind == sup.ChildReady {
			break
		}
	}

	err = s.Child("ada").Do(ctx, func(_ context.Context, g *Greeter) error {
		_, err := fmt.Println("hello,", g.name)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// child exited greeters/ada
	// child restarting greeters/ada
	// child starting greeters/ada
	// child ready greeters/ada
	// hello, Ada
}
