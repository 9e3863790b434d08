package proc_test

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

// Every exported type, function and method has an example, whose output is
// checked, but for the methods by which a type satisfies error and fmt.Stringer,
// which are shown by what is printed, and those of a Worker that only a
// supervisor calls.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_other.go") { // declares again what another file does
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/espalier-go/espalier/sup/proc")
	if err != nil {
		t.Fatal(err)
	}
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
	shown := []string{"Error", "Unwrap", "String", "Initialize", "Run", "Terminate"}
	for _, typ := range pkg.Types {
		demand(typ.Name, typ.Examples)
		for _, f := range typ.Funcs {
			demand(f.Name, f.Examples)
		}
		for _, m := range typ.Methods {
			if m.Level == 0 && !slices.Contains(shown, m.Name) {
				demand(typ.Name+"."+m.Name, m.Examples)
			}
		}
	}
}
