package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
)

// A summary has the statistics of all files.
type summary struct {
	files, unread, broken, lines, packages, functions int

	longest []function
	imports []imported
}

// imported is a package with the number of files that import it.
type imported struct {
	name  string
	files int
}

// top is the number of functions and imports that are shown.
const top = 10

// summarize returns the summary of reports. The report of an unread file is nil.
func summarize(reports map[string]*report) summary {
	var s summary
	packages := make(map[string]bool)
	importers := make(map[string]int)
	for _, r := range reports {
		if r == nil {
			s.unread++
			continue
		}
		s.files++
		s.lines += r.lines
		s.functions += len(r.functions)
		s.longest = append(s.longest, r.functions...)
		packages[r.pkg] = true
		if r.broken {
			s.broken++
		}
		for _, name := range r.imports {
			importers[name]++
		}
	}
	s.packages = len(packages)
	slices.SortFunc(s.longest, func(a, b function) int {
		return cmp.Or(b.lines-a.lines, cmp.Compare(a.file, b.file), a.line-b.line)
	})
	s.longest = s.longest[:min(top, len(s.longest))]
	for name, files := range maps.All(importers) {
		s.imports = append(s.imports, imported{name, files})
	}
	slices.SortFunc(s.imports, func(a, b imported) int {
		return cmp.Or(b.files-a.files, cmp.Compare(a.name, b.name))
	})
	s.imports = s.imports[:min(top, len(s.imports))]
	return s
}

func (s summary) print(out io.Writer) {
	fmt.Fprintf(out, "%d files, %d lines, %d packages, %d functions\n", s.files, s.lines, s.packages, s.functions)
	if s.broken > 0 {
		fmt.Fprintf(out, "%d files have syntax errors\n", s.broken)
	}
	if s.unread > 0 {
		fmt.Fprintf(out, "%d files could not be read\n", s.unread)
	}
	fmt.Fprintf(out, "\nlongest functions\n")
	for _, f := range s.longest {
		fmt.Fprintf(out, "%8d lines  %s:%d %s\n", f.lines, f.file, f.line, f.name)
	}
	fmt.Fprintf(out, "\nmost used imports\n")
	for _, i := range s.imports {
		fmt.Fprintf(out, "%8d files  %s\n", i.files, i.name)
	}
}
