package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const listHead = `# Mutants

The engine of ` + "`sup`" + `, broken on purpose: each line is one way, which lines of
SEMANTICS.md it violates, and a test that fails then. ` + "`make mutants`" + ` checks all of
this and writes the file; how each is made is in [mutants/engine.txt](mutants/engine.txt).

| mutant | breaks | caught by |
|---|---|---|
`

// readList returns the tests of the list by the mutants that they catch.
func readList(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known := make(map[string]string)
	for line := range strings.SplitSeq(string(text), "\n") {
		cols := strings.Split(line, "|")
		if len(cols) == 5 {
			known[strings.TrimSpace(cols[1])] = strings.TrimSpace(cols[3])
		}
	}
	return known, nil
}

// writeList writes the list if it has changed.
func writeList(file string, mutants []*mutant, catchers map[string]string) error {
	var b strings.Builder
	b.WriteString(listHead)
	for _, m := range mutants {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.name, m.why, catchers[m.name])
	}
	old, err := os.ReadFile(file)
	if err == nil && string(old) == b.String() {
		return nil
	}
	fmt.Println("writing", file)
	return os.WriteFile(file, []byte(b.String()), 0o666)
}
