package convert

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strconv"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

// Outline converts Go source to an outline. If the source has syntax errors, the outline
// has what was parsed.
func Outline(f *content.File) (*content.Outline, error) {
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, f.Path, f.Content, parser.SkipObjectResolution)
	o := &content.Outline{
		Package: valid(syntax.Name.Name),
		Lines:   int32(bytes.Count(f.Content, []byte("\n"))),
		Broken:  err != nil,
	}
	if len(f.Content) > 0 && !bytes.HasSuffix(f.Content, []byte("\n")) {
		o.Lines++
	}
	for _, spec := range syntax.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			o.Imports = append(o.Imports, valid(name))
		}
	}
	declare := func(kind, name string, at ast.Node) {
		o.Declarations = append(o.Declarations, &content.Declaration{
			Kind: kind,
			Name: valid(name),
			Line: int32(positions.PositionFor(at.Pos(), false).Line),
		})
	}
	for _, decl := range syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			kind, name := nameOf(d)
			declare(kind, name, d)
		case *ast.GenDecl:
			outlineSpecs(d, declare)
		}
	}
	return o, nil
}

func outlineSpecs(d *ast.GenDecl, declare func(kind, name string, at ast.Node)) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			declare("type", s.Name.Name, s)
		case *ast.ValueSpec:
			for _, name := range s.Names {
				declare(d.Tok.String(), name.Name, name)
			}
		}
	}
}

// nameOf returns the kind and the name of a function. The name of a method has its receiver,
// as in (*T).Name.
func nameOf(f *ast.FuncDecl) (kind, name string) {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return "func", f.Name.Name
	}
	receiver := types.ExprString(f.Recv.List[0].Type)
	if receiver[0] == '*' {
		receiver = "(" + receiver + ")"
	}
	return "method", receiver + "." + f.Name.Name
}
