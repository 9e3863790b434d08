// Supgen generates the code that builds supervision trees declared as structs.
// Package gen says what it reads and writes.
//
// Usage:
//
//	supgen [flags] [packages]
//
// A package is a directory, or a directory followed by /... for all below it,
// as in ./..., but for those that the go command passes by, as testdata and what
// go.mod ignores. Without one, it is the current directory. In a source file:
//
//	//go:generate go tool supgen
//
// The flags are:
//
//	-check     write nothing; tell what is stale
//	-diff      write nothing; print what would change
//	-graph=F   write nothing; print the trees, nested ones included, as dot,
//	           mermaid or text
//	-w=false   write nothing; print the generated files
//	-version   print the version
//
// The exit code is 0 if all went well, 1 if -check or -diff found something
// stale, and 2 if there are faults in the source or other trouble.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/espalier-go/espalier/gen"
)

// Exit codes.
const (
	fine    = 0
	stale   = 1
	trouble = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// mode is what to do with the output.
type mode struct {
	check, diff, write, version bool
	graph                       string
}

func run(args []string, stdout, stderr io.Writer) int {
	var m mode
	flags := flag.NewFlagSet("supgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&m.check, "check", false, "write nothing; tell what is stale")
	flags.BoolVar(&m.diff, "diff", false, "write nothing; print what would change")
	flags.StringVar(&m.graph, "graph", "", "write nothing; print the trees as `dot, mermaid or text`")
	flags.BoolVar(&m.write, "w", true, "write the files; with -w=false print them")
	flags.BoolVar(&m.version, "version", false, "print the version")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: supgen [flags] [packages]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return fine
		}
		return trouble
	}
	switch gen.GraphFormat(m.graph) {
	case "", gen.DOT, gen.Mermaid, gen.Text:
	default:
		fmt.Fprintf(stderr, "supgen: -graph=%s is none: use dot, mermaid or text\n", m.graph)
		return trouble
	}
	if m.version {
		fmt.Fprintln(stdout, "supgen", version())
		return fine
	}
	patterns := flags.Args()
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	code, err := m.do(patterns, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return trouble
	}
	return code
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// do reads all packages before it writes anything: what is wrong is reported
// at once, and then nothing is written.
func (m mode) do(patterns []string, stdout, stderr io.Writer) (int, error) {
	dirs, err := gen.Find(patterns)
	if err != nil {
		return trouble, err
	}
	var loader gen.Loader
	var packages []*gen.Package
	var outputs []gen.Output
	var faults []gen.Fault
	for _, dir := range dirs {
		p, found, err := loader.Load(dir)
		if err != nil {
			return trouble, fmt.Errorf("supgen: %w", err)
		}
		if len(found) == 0 {
			var files []gen.Output
			if files, found, err = p.Outputs(); err != nil {
				return trouble, err
			}
			outputs = append(outputs, files...)
		}
		packages, faults = append(packages, p), append(faults, found...)
	}
	if len(faults) > 0 {
		for _, f := range gen.SortFaults(faults) {
			fmt.Fprintln(stderr, f)
		}
		return trouble, nil
	}
	if m.graph != "" {
		return fine, loader.Graph(stdout, gen.GraphFormat(m.graph), packages)
	}
	return m.settle(outputs, stdout)
}

func (m mode) settle(outputs []gen.Output, stdout io.Writer) (int, error) {
	code := fine
	for _, o := range outputs {
		switch {
		case m.diff:
			fmt.Fprint(stdout, diff(o))
		case m.check && o.Stale():
			fmt.Fprintln(stdout, o.Path, "is stale: run go generate")
		case m.check:
		case !m.write && !o.Remove:
			if _, err := stdout.Write(o.New); err != nil {
				return trouble, fmt.Errorf("supgen: %w", err)
			}
		case m.write:
			if err := o.Write(); err != nil {
				return trouble, fmt.Errorf("supgen: %w", err)
			}
		}
		if (m.check || m.diff) && o.Stale() {
			code = stale
		}
	}
	return code, nil
}
