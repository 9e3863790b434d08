// Package examplecheck tests that a package documents its entry points with
// examples.
package examplecheck

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// EntryPoints fails t unless the package in the current directory, whose import
// path is given, has an example for itself and for each exported function. The
// output of every example must be checked. Methods need no example. Files that end
// in _other.go are left out, because they declare again what another file declares.
func EntryPoints(t testing.TB, path string) {
	t.Helper()
	pkg := read(t, path)
	check := func(name string, examples []*doc.Example, required bool) {
		if required && len(examples) == 0 {
			t.Errorf("no example of %s", name)
		}
		for _, e := range examples {
			if e.Output == "" && !e.EmptyOutput {
				t.Errorf("the output of Example%s is not checked", e.Name)
			}
		}
	}
	check("the package", pkg.Examples, true)
	for _, f := range pkg.Funcs {
		check(f.Name, f.Examples, true)
	}
	for _, typ := range pkg.Types {
		check(typ.Name, typ.Examples, false)
		for _, f := range typ.Funcs {
			check(f.Name, f.Examples, true)
		}
		for _, m := range typ.Methods {
			check(typ.Name+"."+m.Name, m.Examples, false)
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
