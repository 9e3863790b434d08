package gen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Each exported type of a package of espalier with a Run method of its own is in the table
// of workers. Of package sup, the table also has those that promote one.
func TestTheTableOfWorkersIsComplete(t *testing.T) {
	found := map[string]bool{supPath + ".Supervisor": true, supPath + ".Stateful": true, supPath + ".Worker": true}
	err := filepath.WalkDir("../sup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.ToSlash(path), "/internal/") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Run" || !isRun(f.Type) {
				continue
			}
			r, ok := new(file).reference(f.Recv.List[0].Type)
			if dir := filepath.ToSlash(filepath.Dir(path)); ok && ast.IsExported(r.name) {
				found[strings.Replace(dir, "../sup", supPath, 1)+"."+r.name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range found {
		if !workers[name] {
			t.Errorf("%s has a method Run, and is not in the table", name)
		}
	}
	for name := range workers {
		if !found[name] {
			t.Errorf("%s is in the table, and has no method Run", name)
		}
	}
}
