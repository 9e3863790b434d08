// Command mutants breaks the engine on purpose, in each way that engine.txt
// lists, and checks that the tests of sup and sup_test notice.
//
//	go run ./sup_test/mutants [-j n] [name ...]
//
// It works on a copy of the committed tree in a temporary directory. It fails if
// a mutant survives, does not compile, or quotes code that is no longer there.
// Without names it then writes sup_test/MUTANTS.md, which says which test notices
// which mutant. A test named there runs first, so a second run is quick and
// checks the file.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
)

//go:embed engine.txt
var engine string

const list = "sup_test/MUTANTS.md"

var parallel = flag.Int("j", 2, "how many mutants are examined at a time")

func main() {
	flag.Parse()
	if err := run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(names []string) error {
	mutants, err := parse(engine)
	if err != nil {
		return fmt.Errorf("engine.txt: %w", err)
	}
	if len(names) > 0 {
		mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { return !slices.Contains(names, m.name) })
	}
	known, err := readList(list)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := newLab(dir)
	if err != nil {
		return err
	}
	catchers, failed := examine(l, mutants, known)
	if failed > 0 {
		return fmt.Errorf("%d of %d mutants were not caught", failed, len(mutants))
	}
	fmt.Printf("all %d mutants were caught\n", len(mutants))
	if len(names) > 0 {
		return nil
	}
	return writeList(list, mutants, catchers)
}

// examine examines all mutants, -j of them at a time: one can be compiled while
// the tests of another wait.
func examine(l *lab, mutants []*mutant, known map[string]string) (catchers map[string]string, failed int) {
	catchers = make(map[string]string)
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, *parallel)
	for i, m := range mutants {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			test, err := l.examine(m, fmt.Sprint(i), known[m.name])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				fmt.Printf("FAIL %s: %v\n", m.name, err)
				return
			}
			catchers[m.name] = test
			fmt.Printf("ok   %s: %s\n", m.name, test)
		})
	}
	all.Wait()
	return catchers, failed
}
