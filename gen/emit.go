package gen

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"

	"github.com/dave/jennifer/jen"
)

// emit returns the source of an output. It makes no decisions: check has made them.
func emit(p *Package, trees []*Tree, interfaces []*pluginInterface, test bool) ([]byte, error) {
	file := jen.NewFile(p.packageOf(test))
	file.NoFormat = true
	file.HeaderComment(generatedBy)
	for _, imp := range p.names[test].byPath {
		if imp.Named {
			file.ImportAlias(imp.Path, imp.Name)
		} else {
			file.ImportName(imp.Path, imp.Name)
		}
	}
	var declarations []*jen.Statement
	if len(trees) > 0 {
		declarations = append(declarations, emitVersion())
	}
	for _, t := range trees {
		declarations = append(declarations,
			emitInterface(t), emitConstructor(t),
			emitFuncs(t), emitAdaptor(t), emitAdaptorMethods(t),
			emitGuard(t))
	}
	for _, i := range interfaces {
		declarations = append(declarations, emitPlugin(i, p.errorVariables(test))...)
	}
	for _, d := range declarations {
		if len(*d) > 0 {
			file.Add(d)
			file.Line()
		}
	}
	var b bytes.Buffer
	if err := file.Render(&b); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Dir, err)
	}
	source, err := gofmt(groupImports(b.Bytes()), trees)
	if err != nil {
		return nil, fmt.Errorf("%s: output is not valid Go: %w\n%s", p.Dir, err, b.Bytes())
	}
	return source, nil
}

// gofmt formats a source. If types have braces, it formats several times, because a
// function on one line can become one of several lines.
func gofmt(source []byte, trees []*Tree) ([]byte, error) {
	formatted, err := format.Source(source)
	for range 5 {
		if err != nil || !haveBraces(trees) || bytes.Equal(formatted, source) {
			break
		}
		source = formatted
		formatted, err = format.Source(source)
	}
	return formatted, err
}

func haveBraces(trees []*Tree) bool {
	for _, t := range trees {
		for _, f := range t.fields {
			if strings.Contains(f.Type.Text, "{") {
				return true
			}
		}
		for _, p := range t.typeParams {
			if strings.Contains(p.Constraint.Text, "{") {
				return true
			}
		}
	}
	return false
}

func (p *Package) packageOf(test bool) string {
	if trees := p.emitted(test); len(trees) > 0 {
		return trees[0].file.ast.Name.Name
	}
	return p.emittedInterfaces(test)[0].file.ast.Name.Name
}

// groupImports moves the imports of the standard library to a group at the beginning.
func groupImports(source []byte) []byte {
	open, shut := []byte("\nimport (\n"), []byte("\n)\n")
	start := bytes.Index(source, open)
	if start < 0 {
		return source
	}
	start += len(open)
	length := bytes.Index(source[start:], shut)
	var standard, others []string
	for _, line := range strings.Split(string(source[start:start+length]), "\n") {
		path := line[strings.IndexByte(line, '"')+1:]
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			others = append(others, line)
		} else {
			standard = append(standard, line)
		}
	}
	groups := append(append(standard, ""), others...)
	return bytes.Join([][]byte{source[:start], source[start+length:]}, []byte(strings.Join(groups, "\n")))
}

// emitVersion:
//
//	const _ = sup.GeneratedV1
func emitVersion() *jen.Statement {
	return comment("If this does not compile, supgen and sup have incompatible versions: run the\nsupgen of the version of sup.").
		Op("\n").Const().Id("_").Op("=").Add(ofSup("GeneratedV1"))
}

// emitInterface:
//
//	type OrdersChildren interface {
//		NewDB(ctx context.Context, o *Orders) (*db.Pool, error)
//	}
func emitInterface(t *Tree) *jen.Statement {
	var methods []jen.Code
	for _, f := range t.fields {
		if f.isChild() {
			methods = append(methods, jen.Id(f.makerName()).Add(t.makerSignature(f)))
		}
		if f.asksCount() {
			methods = append(methods, comment(f.countName()+" is called once, by "+t.constructorName()+"."),
				jen.Id(f.countName()).Params().Int())
		}
	}
	return comment(t.childrenDoc()).Op("\n").
		Type().Id(t.childrenName()).Add(t.params()).Interface(methods...)
}

func (t *Tree) childrenDoc() string {
	doc := fmt.Sprintf("%s makes the workers of %s. A New… method is called for each\n"+
		"start and restart of its child, when the children declared before it are ready.", t.childrenName(), t.Name)
	for _, f := range t.fields {
		if f.Kind == kindNested {
			return doc + "\nThe methods for nested trees are called once, by " + t.constructorName() + "."
		}
	}
	return doc
}

// makerSignature returns the signature of a constructor in the interface:
//
//	(ctx context.Context, o *Orders, key Symbol) (*Feed, error)
func (t *Tree) makerSignature(f *field) *jen.Statement {
	if f.Kind == kindNested {
		return jen.Params().Add(f.ofNested(childrenName(f.TreeName)))
	}
	params := []jen.Code{
		jen.Id(t.locals.ctx).Qual("context", "Context"),
		jen.Id(t.locals.tree).Op("*").Add(t.own(t.Name)),
	}
	return jen.Params(append(params, t.extra(f, true)...)...).Params(f.Worker.code(), jen.Error())
}

// startSignature returns the signature of a start function:
//
//	(ctx context.Context, key Symbol) (*Feed, error)
func (t *Tree) startSignature(f *field) *jen.Statement {
	params := []jen.Code{jen.Id(t.locals.ctx).Qual("context", "Context")}
	return jen.Params(append(params, t.extra(f, true)...)...).Params(f.Worker.code(), jen.Error())
}

// extra returns the parameter for the key or the index of a worker in a set, with or
// without its type.
func (t *Tree) extra(f *field, typed bool) []jen.Code {
	name, typ := "", jen.Code(nil)
	switch f.Kind {
	case kindKeyed:
		name, typ = t.locals.key, f.Key.code()
	case kindReplicas:
		name, typ = t.locals.index, jen.Int()
	default:
		return nil
	}
	if typed {
		return []jen.Code{jen.Id(name).Add(typ)}
	}
	return []jen.Code{jen.Id(name)}
}

// emitGuard:
//
//	func _() {
//		type outdatedRunGoGenerate = struct {
//			sup.Tree `sup:"rest_for_one"`
//			DB sup.Child[*db.Pool]
//		}
//		var _ outdatedRunGoGenerate = Orders{}
//	}
func emitGuard(t *Tree) *jen.Statement {
	var fields []jen.Code
	for _, f := range t.fields {
		field := new(jen.Statement)
		if !f.embedded {
			field.Id(f.Name)
		}
		field.Add(f.Type.code())
		if f.rawTag != "" {
			field.Op(f.rawTag)
		}
		fields = append(fields, field)
	}
	return comment(fmt.Sprintf("If this does not compile, %s has changed since this file was generated: run\ngo generate.", t.Name)).
		Op("\n").Func().Id("_").Add(t.params()).Params().Block(
		jen.Type().Id("outdatedRunGoGenerate").Op("=").Struct(fields...),
		jen.Var().Id("_").Id("outdatedRunGoGenerate").Op("=").Add(t.own(t.Name)).Values(),
	)
}
