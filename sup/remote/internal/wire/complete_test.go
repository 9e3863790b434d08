package wire

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// errorTypes are the error types that package sup exports.
var errorTypes = []any{
	sup.CallError{}, sup.StartError{}, sup.StartTimeoutError{}, sup.IntensityError{}, sup.StuckError{}, sup.PanicError{},
	sup.UnhealthyError{}, sup.StopError{}, sup.SpecError{}, sup.SkippedError{},
}

// A new field of an error type in package sup fails this test until it is encoded.
func TestErrorsKeepAllFields(t *testing.T) {
	for _, of := range errorTypes {
		p := reflect.New(reflect.TypeOf(of))
		for i := range p.Elem().NumField() {
			if field := p.Elem().Field(i); field.Kind() == reflect.Interface && field.NumMethod() == 0 {
				field.Set(reflect.ValueOf("a value")) // of a panic
			} else {
				fill(field, 2)
			}
		}
		got := reflect.ValueOf(sent(t, p.Interface().(error)))
		if got.Type() != p.Type() {
			t.Errorf("%T decoded as %v", of, got.Type())
			continue
		}
		if diff := cmp.Diff(p.Elem().Interface(), got.Elem().Interface(), byText); diff != "" {
			t.Errorf("%T (-sent +read):\n%s", of, diff)
		}
	}
}

// A new error type or sentinel of package sup fails this test until it is encoded.
func TestAllErrorsOfPackageSupAreEncoded(t *testing.T) {
	known := make(map[string]bool)
	for _, of := range errorTypes {
		known[reflect.TypeOf(of).Name()] = true
	}
	for _, s := range sentinels {
		known[s.name] = true
	}
	types, values := declaredErrors(t)
	if len(types) < 5 || len(values) < 20 {
		t.Fatalf("found only %d types and %d values", len(types), len(values))
	}
	for _, name := range types {
		if !known[name] {
			t.Errorf("error type sup.%s is not encoded", name)
		}
	}
	for _, name := range values {
		if !known["sup."+name] {
			t.Errorf("sup.%s is not encoded", name)
		}
	}
}

// declaredErrors returns the exported error types of package sup, and its exported
// variables whose names begin with Err.
func declaredErrors(t *testing.T) (types, values []string) {
	t.Helper()
	names, err := filepath.Glob("../../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name != "sup" {
			continue
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if receiver := receiverOf(d); d.Name.Name == "Error" && ast.IsExported(receiver) {
					types = append(types, receiver)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && d.Tok == token.VAR {
						for _, id := range v.Names {
							if len(id.Name) > 3 && id.Name[:3] == "Err" {
								values = append(values, id.Name)
							}
						}
					}
				}
			}
		}
	}
	return types, values
}

func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	id, _ := of.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}

func TestAllStopReasonsAreDecoded(t *testing.T) {
	for r := sup.ReasonShutdown; r.String() != fmt.Sprintf("sup.StopReason(%d)", uint8(r)); r++ {
		if stop, ok := errors.AsType[*sup.StopError](sent(t, &sup.StopError{Reason: r})); !ok || stop.Reason != r {
			t.Errorf("%v decoded as %v", r, stop)
		}
	}
}
