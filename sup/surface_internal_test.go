package sup

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// surfaceLimit is the number of exported names that the package may have.
const surfaceLimit = 250

// The surface of the package is its exported types, functions, constants and
// variables, and the methods declared on exported types. Methods of interfaces
// and promoted methods are not counted.
func TestTheSurfaceOfThePackageIsNoLargerThanItsLimit(t *testing.T) {
	_, files, _ := typeCheck(t)
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
