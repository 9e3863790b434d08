package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Every mutant quotes the engine as it is now: to find out only when all are run
// takes half an hour.
func TestEveryMutantQuotesTheEngine(t *testing.T) {
	mutants, err := parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("..", "..", "sup", e.file))
			if err == nil {
				_, err = e.apply(string(text))
			}
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
}
