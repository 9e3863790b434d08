// Package shown is for the tests of packages that show by an example, whose
// output is checked, each thing that they export.
package shown

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Except is what needs no example.
type Except struct {
	// Methods are names of methods that are shown in another way. Those by which a
	// type satisfies error and fmt.Stringer always are: by what is printed.
	Methods []string
	// Promoted are types of which promoted methods are not excepted, as they are of
	// others.
	Promoted []string
}

// Everything fails t unless the package in the current directory has an example,
// with output that is checked, for itself and for each exported type, function
// and method that it declares. A file whose name ends in _other.go declares again,
// for other systems, what another declares.
func Everything(t testing.TB, path string, except Except) {
	t.Helper()
	pkg := read(t, path)
	demand := func(name string, examples []*doc.Example) {
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, e := range examples {
			if e.Output == "" && !e.EmptyOutput {
				t.Errorf("the output of Example%s is not checked", e.Name)
			}
		}
	}
	demand("the package", pkg.Examples)
	for _, f := range pkg.Funcs {
		demand(f.Name, f.Examples)
	}
	elsewhere := append([]string{"Error", "Unwrap", "String"}, except.Methods...)
	for _, typ := range pkg.Types {
		demand(typ.Name, typ.Examples)
		for _, f := range typ.Funcs {
			demand(f.Name, f.Examples)
		}
		for _, m := range typ.Methods {
			own := m.Level == 0 || slices.Contains(except.Promoted, typ.Name)
			if own && !slices.Contains(elsewhere, m.Name) {
				demand(typ.Name+"."+m.Name, m.Examples)
			}
		}
	}
}

// read parses the files of the current directory.
func read(t testing.TB, path string) *doc.Package {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_other.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, path)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}
