package plugin_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// As in package sup: what is exported is shown, and the output checked.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/espalier-go/espalier/sup/plugin")
	if err != nil {
		t.Fatal(err)
	}
	// Shown by what is printed, and by what a supervisor does with a Client.
	printed := []string{"Error", "Unwrap", "Initialize", "Run", "Terminate"}
	shown := map[string][]*doc.Example{"the package": pkg.Examples}
	functions := pkg.Funcs
	for _, typ := range pkg.Types {
		shown[typ.Name] = typ.Examples
		functions = append(functions, typ.Funcs...)
		for _, m := range typ.Methods {
			if !slices.Contains(printed, m.Name) && m.Level == 0 {
				shown[typ.Name+"."+m.Name] = m.Examples
			}
		}
	}
	for _, f := range functions {
		shown[f.Name] = f.Examples
	}
	for name, examples := range shown {
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, e := range examples {
			if e.Output == "" && !e.EmptyOutput {
				t.Errorf("the output of Example%s is not checked", e.Name)
			}
		}
	}
}
