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
	"slices"
	"strings"
	"testing"
)

// floors are the files of this package, from the lowest floor up. A file may
// refer to its own floor and to those below. ARCHITECTURE.md says what each floor
// may do.
var floors = []struct {
	name  string
	files string
}{
	{"vocabulary", "worker state policy spec event errors stoperror info path text validate decide wait observe subscribe exhausted exhausted_other exhausted_plan9 exhausted_windows shield doc version"},
	{"state", "core child cursor incarnation context config round_state abandoned record history retired nested stack handle_ref"},
	{"transitions", "start launch timer exit round stop stopset end stuck operator replace"},
	{"drivers", "supervision life goroutines watchdog task reference"},
	{"views", "snapshot inspect control locate stream slog"},
	{"face", "idcalls supervisor keyed keytext replicas tree stateful handle"},
}

// climbs are the references that may go up, and why.
var climbs = map[string]string{
	"core.spawnLocked -> child.loop":          "a transition starts the goroutine of a child",
	"core.markReady -> core.watchLocked":      "a transition sets the timer of the watchdog",
	"core.detachLocked -> core.unwatchLocked": "a transition clears the timer of the watchdog",
}

func TestNoFileRefersToAHigherFloor(t *testing.T) {
	floorOf := map[string]int{}
	for i, floor := range floors {
		for file := range strings.FieldsSeq(floor.files) {
			floorOf[file+".go"] = i
		}
	}
	fset, files, info := check(t)
	for name := range files {
		if _, known := floorOf[name]; !known {
			t.Errorf("%s is on no floor: add it to the list in this test, on the lowest floor that has what it refers to", name)
		}
	}
	for name := range floorOf {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is on the list and not in this directory", name)
		}
	}
	used := map[string]bool{}
	for name, file := range files {
		if _, known := floorOf[name]; !known {
			continue // reported above, once
		}
		for _, decl := range file.Decls {
			from := declName(decl)
			ast.Inspect(decl, func(n ast.Node) bool {
				id, is := n.(*ast.Ident)
				if !is {
					return true
				}
				object := info.Uses[id]
				if object == nil || object.Pkg() == nil || object.Pkg().Name() != "sup" {
					return true
				}
				at := filepath.Base(fset.Position(origin(object).Pos()).Filename)
				if floorOf[at] <= floorOf[name] {
					return true
				}
				reference := from + " -> " + objectName(object)
				if _, may := climbs[reference]; may {
					used[reference] = true
					return true
				}
				t.Errorf("%v: %s (%s) refers to %s (%s), which is on a higher floor",
					fset.Position(id.Pos()), from, floors[floorOf[name]].name, objectName(object), floors[floorOf[at]].name)
				return true
			})
		}
	}
	for reference := range climbs {
		if !used[reference] {
			t.Errorf("%s is allowed to climb and does not: take it off the list", reference)
		}
	}
}

// check type-checks the package in the current directory without its tests.
func check(t *testing.T) (*token.FileSet, map[string]*ast.File, *types.Info) {
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

// surfaceLimit is the number of exported names that the package may have.
const surfaceLimit = 249

// The surface of the package is its exported types, functions, constants and
// variables, and the methods declared on exported types. Methods of interfaces
// and promoted methods are not counted.
func TestTheSurfaceOfThePackageIsNoLargerThanItsLimit(t *testing.T) {
	_, files, _ := check(t)
	var names []string
	add := func(name *ast.Ident, receiver string) {
		if name.IsExported() && (receiver == "" || ast.IsExported(receiver)) {
			names = append(names, strings.TrimPrefix(receiver+"."+name.Name, "."))
		}
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				receiver, _, _ := strings.Cut(declName(decl), ".")
				if decl.Recv == nil {
					receiver = ""
				}
				add(decl.Name, receiver)
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						add(spec.Name, "")
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							add(name, "")
						}
					}
				}
			}
		}
	}
	if len(names) != surfaceLimit {
		slices.Sort(names)
		t.Errorf("sup exports %d names, and the limit says %d: lower the limit, or say in CHANGELOG.md what was added and raise it:\n%s",
			len(names), surfaceLimit, strings.Join(names, "\n"))
	}
}
