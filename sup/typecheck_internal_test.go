package sup

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// typeCheck type-checks the package in the current directory without its tests.
func typeCheck(t *testing.T) (*token.FileSet, map[string]*ast.File, *types.Info) {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	fset := token.NewFileSet()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files, list := map[string]*ast.File{}, []*ast.File(nil)
	for _, name := range names {
		if match, err := build.Default.MatchFile(".", name); err != nil || !match || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name], list = file, append(list, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	if _, err := config.Check("sup", fset, list, info); err != nil {
		t.Fatal(err)
	}
	return fset, files, info
}

// origin is the declaration of what may be an instance of something generic.
func origin(object types.Object) types.Object {
	switch object := object.(type) {
	case *types.Func:
		return object.Origin()
	case *types.Var:
		return object.Origin()
	}
	return object
}

// objectName is the name of an object with the type that it belongs to.
func objectName(object types.Object) string {
	if f, is := object.(*types.Func); is && f.Signature().Recv() != nil {
		typ := f.Signature().Recv().Type()
		if p, is := typ.(*types.Pointer); is {
			typ = p.Elem()
		}
		if named, is := typ.(*types.Named); is {
			return named.Obj().Name() + "." + f.Name()
		}
	}
	return object.Name()
}

// declName is the name of a declaration as objectName has it.
func declName(decl ast.Decl) string {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return decl.Name.Name
		}
		typ := decl.Recv.List[0].Type
		for {
			switch t := typ.(type) {
			case *ast.StarExpr:
				typ = t.X
			case *ast.IndexExpr:
				typ = t.X
			case *ast.IndexListExpr:
				typ = t.X
			default:
				return fmt.Sprint(t, ".", decl.Name.Name)
			}
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				return spec.Name.Name
			case *ast.ValueSpec:
				return spec.Names[0].Name
			}
		}
	}
	return "?"
}
