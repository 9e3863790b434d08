package gen_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/gen"
)

// Find does not use go/parser to read the imports of a file. It must find the same
// imports in every file of the standard library, read whole or in part.
func TestFindReadsTheSameImportsAsTheParser(t *testing.T) {
	for i, path := range standardLibrary(t) {
		if i%7 != 0 { // a sample of about 6000 files
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, sought := range []string{"fmt", "unsafe", "internal/cpu", "not/there"} {
			want := slices.ContainsFunc(parsed.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"`+sought+`"` })
			if got, certain := gen.ImportsAtTop(src, true, sought); got != want || !certain {
				t.Errorf("%s imports %s: %v (certain: %v), the parser says %v", path, sought, got, certain, want)
			}
			cut := src[:min(len(src), 300)]
			if got, certain := gen.ImportsAtTop(cut, false, sought); certain && got != want {
				t.Errorf("%s, cut, imports %s: %v, the parser says %v", path, sought, got, want)
			}
		}
	}
}

// standardLibrary returns the Go files of the standard library that supgen ./... would
// read.
func standardLibrary(t testing.TB) []string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	var files []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_'):
			return fs.SkipDir
		case d.IsDir() && path != root:
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") && name[0] != '_' && name[0] != '.':
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 1000 {
		t.Fatalf("the source of the standard library is missing: %d files, %v", len(files), err)
	}
	return files
}
