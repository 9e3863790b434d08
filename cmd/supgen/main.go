// Supgen writes the builders of supervision trees that are declared as structs.
// Package gen documents its input and output.
//
// Usage:
//
//	supgen [flags] [packages]
//
// A package is a directory. A directory followed by /..., as in ./..., stands for
// all packages below it, except those that the go command ignores: testdata, vendor,
// other modules, and the directories that go.mod lists under ignore. The default is
// the current directory. In a source file:
//
//	//go:generate go tool supgen
//
// The flags are:
//
//	-check     list the generated files that are out of date; write nothing
//	-graph=F   print the trees, nested ones included, as dot, mermaid or text;
//	           write nothing
//	-w=false   print the generated files; write nothing
//	-version   print the version
//
// The exit code is 0 on success, 1 if -check found a file that is out of date, and 2
// if the source has faults or another error occurred.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/espalier-go/espalier/gen"
)

// Exit codes.
const (
	success  = 0
	outdated = 1
	failure  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// mode holds the flags.
type mode struct {
	check, write, version bool
	graph                 string
}

func run(args []string, stdout, stderr io.Writer) int {
	var m mode
	flags := flag.NewFlagSet("supgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&m.check, "check", false, "list the generated files that are out of date; write nothing")
	flags.StringVar(&m.graph, "graph", "", "print the trees as `dot, mermaid or text`; write nothing")
	flags.BoolVar(&m.write, "w", true, "write the generated files; if false, print them")
	flags.BoolVar(&m.version, "version", false, "print the version")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: supgen [flags] [packages]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return success
		}
		return failure
	}
	switch gen.GraphFormat(m.graph) {
	case "", gen.DOT, gen.Mermaid, gen.Text:
	default:
		fmt.Fprintf(stderr, "supgen: unknown format -graph=%s: use dot, mermaid or text\n", m.graph)
		return failure
	}
	if m.version {
		fmt.Fprintln(stdout, "supgen", version())
		return success
	}
	patterns := flags.Args()
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	code, err := m.generate(patterns, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "supgen:", err)
		return failure
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

// generate reads all packages before it writes anything. If any package has faults,
// it prints all faults and writes nothing.
func (m mode) generate(patterns []string, stdout, stderr io.Writer) (code int, err error) {
	dirs, err := gen.Find(patterns)
	if err != nil {
		return failure, err
	}
	var loader gen.Loader
	var packages []*gen.Package
	var outputs []gen.Output
	var faults []gen.Fault
	for _, dir := range dirs {
		p, found, err := loader.Load(dir)
		if err != nil {
			return failure, err
		}
		if len(found) == 0 {
			var files []gen.Output
			if files, found, err = p.Outputs(); err != nil {
				return failure, err
			}
			outputs = append(outputs, files...)
		}
		packages, faults = append(packages, p), append(faults, found...)
	}
	if len(faults) > 0 {
		for _, f := range gen.SortFaults(faults) {
			fmt.Fprintln(stderr, f)
		}
		return failure, nil
	}
	switch {
	case m.graph != "":
		return success, loader.Graph(stdout, gen.GraphFormat(m.graph), packages)
	case m.check:
		return listStale(outputs, stdout), nil
	case m.write:
		return success, writeAll(outputs)
	}
	return success, printAll(outputs, stdout)
}

func listStale(outputs []gen.Output, stdout io.Writer) (code int) {
	for _, o := range outputs {
		if o.Stale() {
			fmt.Fprintln(stdout, o.Path, "is out of date: "+remedy(o))
			code = outdated
		}
	}
	return code
}

// remedy says how to bring a stale file up to date.
func remedy(o gen.Output) string {
	if o.Directive {
		return "run go generate"
	}
	dir := filepath.ToSlash(filepath.Dir(o.Path))
	if !filepath.IsAbs(o.Path) && dir != "." {
		dir = "./" + dir
	}
	return "run go tool supgen " + dir + ", or add the line //go:generate go tool supgen to a file of the package and run go generate"
}

func writeAll(outputs []gen.Output) error {
	for _, o := range outputs {
		if err := o.Write(); err != nil {
			return err
		}
	}
	return nil
}

func printAll(outputs []gen.Output, stdout io.Writer) error {
	for _, o := range outputs {
		if _, err := stdout.Write(o.New); err != nil { // New is empty if the file is to be removed
			return err
		}
	}
	return nil
}
