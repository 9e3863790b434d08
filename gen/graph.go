package gen

import "io"

// Graph draws the trees of packages.
func Graph(w io.Writer, format string, packages []*Package) error { return nil }

// Diff is.
func (o Output) Diff() string { return "" }
