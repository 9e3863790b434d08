package gen

import (
	"bytes"
	"go/ast"
	"go/token"
	"strings"

	"github.com/espalier-go/espalier/internal/spelling"
)

const pluginPath = supPath + "/plugin"

// The directives of interfaces that plugins implement.
const (
	directivePlugin     = "//sup:plugin"
	directiveIdempotent = "//sup:idempotent"
)

var directiveNames = []string{directivePlugin, directiveIdempotent}

// pluginInterface is an interface marked //sup:plugin.
type pluginInterface struct {
	Name    string
	file    *file
	pos     token.Pos
	expr    *ast.InterfaceType
	generic bool
	methods []*pluginMethod
	names   interfaceNames
}

// pluginMethod is a method of a pluginInterface, or of one that it embeds.
type pluginMethod struct {
	Name       string
	idempotent token.Pos // of the directive; NoPos without one
	file       *file
	pos        token.Pos
	typ        *ast.FuncType
	params     []crossing // after the context
	results    []crossing // before the error
	stream     bool       // the one result is a stream
}

// crossing is a parameter or a result of a pluginMethod.
type crossing struct {
	Type     sourceType       // of a value, or of the elements of a stream
	stream   bool             // iter.Seq2[Type, error]
	callback *pluginInterface // nil unless it is a marked interface
}

// session reports whether a method has a stream or a callback.
func (m *pluginMethod) session() bool {
	for _, c := range m.params {
		if c.stream || c.callback != nil {
			return true
		}
	}
	return m.stream
}

// mayHaveInterfaces reports whether a file may have a directive.
func mayHaveInterfaces(src []byte) bool { return bytes.Contains(src, []byte("sup:plugin")) }

// parseInterfaces reads the interfaces marked //sup:plugin.
func (p *Package) parseInterfaces() {
	p.marked = make(map[string]*pluginInterface)
	for _, f := range p.src.files {
		if f.mayHaveInterfaces && !f.broken {
			p.findInterfaces(f)
		}
	}
	for _, i := range p.Interfaces {
		i.methods = p.methodsOf(i, make(map[*pluginInterface]bool))
	}
}

// findInterfaces finds the marked interfaces of a file, and the directives that mark
// nothing.
func (p *Package) findInterfaces(f *file) {
	used := make(map[*ast.Comment]bool)
	for _, decl := range f.ast.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		for _, s := range d.Specs {
			spec := s.(*ast.TypeSpec)
			doc := spec.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			mark := directiveIn(doc, directivePlugin)
			if it, isInterface := ast.Unparen(spec.Type).(*ast.InterfaceType); isInterface {
				for _, m := range it.Methods.List {
					if c := directiveIn(m.Doc, directiveIdempotent); c != nil && mark != nil {
						used[c] = true
					}
				}
				if mark != nil {
					used[mark] = true
					p.addInterface(f, spec, it)
				}
			} else if mark != nil {
				used[mark] = true
				p.fault(mark.Pos(), "mark an interface", "%s is marked as a plugin, but is not an interface", spec.Name.Name)
			}
		}
	}
	p.checkDirectives(f, used)
}

// directiveIn returns the comment that is a directive, or nil.
func directiveIn(doc *ast.CommentGroup, directive string) *ast.Comment {
	if doc == nil {
		return nil
	}
	for _, c := range doc.List {
		if strings.TrimRight(c.Text, " \t\r") == directive {
			return c
		}
	}
	return nil
}

func (p *Package) addInterface(f *file, spec *ast.TypeSpec, it *ast.InterfaceType) {
	i := &pluginInterface{Name: spec.Name.Name, file: f, pos: spec.Name.Pos(), expr: it, generic: spec.TypeParams != nil}
	p.Interfaces = append(p.Interfaces, i)
	if key := f.inPackage(i.Name); p.marked[key] == nil {
		p.marked[key] = i
	}
}

// checkDirectives reports comments that look like directives and have no effect.
func (p *Package) checkDirectives(f *file, used map[*ast.Comment]bool) {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			text, _, _ := strings.Cut(strings.TrimRight(c.Text, " \t\r"), " ")
			switch {
			case used[c]:
			case c.Text == directivePlugin || text == directivePlugin:
				p.fault(c.Pos(), "write "+directivePlugin+" alone on the last line of the comment of an interface at package level",
					"the directive %s marks no interface", directivePlugin)
			case text == directiveIdempotent:
				p.fault(c.Pos(), "write "+directiveIdempotent+" alone on the last line of the comment of a method of an interface marked "+directivePlugin,
					"the directive %s marks no method", directiveIdempotent)
			case strings.HasPrefix(c.Text, "// sup:plugin") || strings.HasPrefix(c.Text, "// sup:idempotent"):
				p.fault(c.Pos(), "remove the space after //", "a directive has no space")
			case strings.HasPrefix(text, "//sup:"):
				hint := "the directives are " + strings.Join(directiveNames, " and ")
				for _, name := range directiveNames {
					if spelling.Distance(text, name) <= 2 {
						hint = "write " + name
					}
				}
				p.fault(c.Pos(), hint, "there is no directive %s", text)
			}
		}
	}
}

// methodsOf returns the methods of an interface, with those of the marked interfaces
// that it embeds.
func (p *Package) methodsOf(i *pluginInterface, seen map[*pluginInterface]bool) []*pluginMethod {
	if seen[i] {
		return nil
	}
	seen[i] = true
	var methods []*pluginMethod
	for _, m := range i.expr.Methods.List {
		if typ, ok := m.Type.(*ast.FuncType); ok && len(m.Names) == 1 {
			method := &pluginMethod{Name: m.Names[0].Name, file: i.file, pos: m.Names[0].Pos(), typ: typ}
			if c := directiveIn(m.Doc, directiveIdempotent); c != nil {
				method.idempotent = c.Pos()
			}
			methods = append(methods, method)
			continue
		}
		r, named := i.file.reference(m.Type)
		if embedded := p.marked[i.file.inPackage(r.name)]; named && r.pkg == "" && !r.star && embedded != nil {
			methods = append(methods, p.methodsOf(embedded, seen)...)
			continue
		}
		p.fault(m.Pos(), "declare the methods in "+i.Name+", or mark the embedded interface with "+directivePlugin+" if it is one of this package",
			"%s embeds %s, which is not a marked interface of this package", i.Name, p.display(m.Type))
	}
	return methods
}
