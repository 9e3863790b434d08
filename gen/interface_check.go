package gen

import (
	"go/ast"
	"go/token"
)

// checkInterface reports what cannot cross in the signatures of an interface, and reads
// these. What types of other packages contain is found at run time.
func (p *Package) checkInterface(i *pluginInterface) {
	if i.generic {
		p.fault(i.pos, "declare an interface for each type", "%s is generic, and cannot be a plugin", i.Name)
		return
	}
	if c := i.file.constraint(); c != "" {
		p.fault(i.pos, "move it to a file without one", "%s is declared in a file with a build constraint, %s", i.Name, c)
	}
	if len(i.methods) == 0 {
		p.fault(i.pos, "declare a method", "%s has no methods", i.Name)
	}
	seen := make(map[string]bool)
	for _, m := range i.methods {
		if seen[m.Name] {
			continue // the same method of two embedded interfaces
		}
		seen[m.Name] = true
		if m.params == nil && m.results == nil {
			p.checkMethod(m)
		}
	}
}

func (p *Package) checkMethod(m *pluginMethod) {
	if !ast.IsExported(m.Name) {
		p.fault(m.pos, "export it", "%s is not exported, and cannot be implemented by a plugin", m.Name)
	}
	params := flatten(m.typ.Params)
	if len(params) == 0 || !m.file.isType(params[0], "context", "Context") {
		p.fault(m.pos, "add one", "%s has no context.Context as its first parameter", m.Name)
	} else {
		params = params[1:]
	}
	for _, expr := range params {
		if e, variadic := expr.(*ast.Ellipsis); variadic {
			p.fault(e.Pos(), "use a slice", "%s is variadic", m.Name)
			continue
		}
		m.params = append(m.params, p.crossingOf(m, expr))
	}
	results := flatten(m.typ.Results)
	if len(results) == 1 {
		if elem := m.file.streamElem(results[0]); elem != nil {
			m.stream = true
			p.checkCrossing(m.file, elem, m.Name)
			m.results = []crossing{{Type: p.typeText(m.file, elem), stream: true}}
		}
	}
	switch last := len(results) - 1; {
	case m.stream:
	case last < 0 || !isError(results[last]):
		p.fault(m.pos, "add one, or return iter.Seq2[T, error] alone", "%s has no error as its last result", m.Name)
	default:
		for _, expr := range results[:last] {
			if m.file.streamElem(expr) != nil {
				p.fault(expr.Pos(), "return the stream alone: its elements have errors", "%s has a stream beside other results", m.Name)
				continue
			}
			p.checkCrossing(m.file, expr, m.Name)
			m.results = append(m.results, crossing{Type: p.typeText(m.file, expr)})
		}
	}
	if m.idempotent.IsValid() && m.session() {
		p.fault(m.idempotent, "remove the directive", "%s has a stream or a callback, and cannot be called a second time", m.Name)
	}
}

// crossingOf reads a parameter.
func (p *Package) crossingOf(m *pluginMethod, expr ast.Expr) crossing {
	if elem := m.file.streamElem(expr); elem != nil {
		p.checkCrossing(m.file, elem, m.Name)
		return crossing{Type: p.typeText(m.file, elem), stream: true}
	}
	if r, named := m.file.reference(expr); named && r.pkg == "" && !r.star {
		if i := p.marked[m.file.inPackage(r.name)]; i != nil {
			return crossing{Type: p.typeText(m.file, expr), callback: i}
		}
	}
	p.checkCrossing(m.file, expr, m.Name)
	return crossing{Type: p.typeText(m.file, expr)}
}

// checkCrossing reports a type that cannot cross as a value.
func (p *Package) checkCrossing(f *file, expr ast.Expr, at string) {
	c := &crossingCheck{p: p, seen: make(map[string]bool)}
	c.walk(f, expr, at, true)
}

// crossingCheck looks into the types of this package.
type crossingCheck struct {
	p    *Package
	seen map[string]bool
}

// walk checks a type. signature is set if the expression is in a signature, and not in
// the declaration of a type.
func (c *crossingCheck) walk(f *file, expr ast.Expr, at string, signature bool) {
	fault := func(what, hint string) {
		c.p.fault(expr.Pos(), hint, "%s has %s, which cannot cross between processes", at, what)
	}
	switch x := ast.Unparen(expr).(type) {
	case *ast.StarExpr:
		c.walk(f, x.X, at, signature)
	case *ast.ArrayType:
		c.walk(f, x.Elt, at, signature)
	case *ast.MapType:
		c.walk(f, x.Key, at, signature)
		c.walk(f, x.Value, at, signature)
	case *ast.ChanType:
		fault("a channel", "use iter.Seq2[T, error]")
	case *ast.FuncType:
		fault("a function", "use an interface marked "+directivePlugin)
	case *ast.InterfaceType:
		fault("an interface", "use a concrete type, or as a parameter an interface marked "+directivePlugin)
	case *ast.StructType:
		for _, field := range x.Fields.List {
			for _, name := range field.Names {
				if !name.IsExported() {
					c.p.fault(name.Pos(), "export it, or give the type MarshalBinary and UnmarshalBinary", "%s has the field %s, which is not exported and cannot cross between processes", at, name.Name)
				}
			}
			c.walk(f, field.Type, at, signature)
		}
	case *ast.Ident:
		switch x.Name {
		case "any", "error":
			fault("an interface ("+x.Name+")", "use a concrete type")
		case "uintptr", "complex64", "complex128":
			fault(x.Name, "use another type")
		}
		c.declared(f, x)
	}
}

// declared checks a type of this package.
func (c *crossingCheck) declared(f *file, id *ast.Ident) {
	key := f.inPackage(id.Name)
	decl := c.p.types[key]
	if decl.spec == nil || c.seen[key] || c.p.marshals[key] || decl.spec.TypeParams != nil {
		return
	}
	c.seen[key] = true
	if _, isInterface := ast.Unparen(decl.spec.Type).(*ast.InterfaceType); isInterface {
		hint := "use a concrete type, or as a parameter an interface marked " + directivePlugin
		if c.p.marked[key] != nil {
			hint = "a marked interface is a parameter alone: use a concrete type"
		}
		c.p.fault(id.Pos(), hint, "%s is an interface, which cannot cross between processes", id.Name)
		return
	}
	c.walk(decl.file, decl.spec.Type, id.Name, false)
}

// noteMarshaler records a type with a method by which it is encoded.
func (p *Package) noteMarshaler(f *file, decl *ast.FuncDecl) {
	switch decl.Name.Name {
	case "MarshalBinary", "MarshalText", "MarshalCBOR":
	default:
		return
	}
	if r, ok := f.reference(decl.Recv.List[0].Type); ok {
		p.marshals[f.inPackage(r.name)] = true
	}
}

// flatten returns the type of each parameter or result.
func flatten(list *ast.FieldList) []ast.Expr {
	var types []ast.Expr
	if list == nil {
		return nil
	}
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	return types
}

// isType reports whether an expression is a type of a package of the standard library.
func (f *file) isType(expr ast.Expr, path, name string) bool {
	r, ok := f.reference(expr)
	return ok && !r.star && r.name == name && r.path() == path
}

func isError(expr ast.Expr) bool {
	id, ok := ast.Unparen(expr).(*ast.Ident)
	return ok && id.Name == "error"
}

// streamElem returns T if an expression is iter.Seq2[T, error], else nil.
func (f *file) streamElem(expr ast.Expr) ast.Expr {
	r, ok := f.reference(expr)
	if !ok || r.star || r.name != "Seq2" || r.path() != "iter" || len(r.args) != 2 || !isError(r.args[1]) {
		return nil
	}
	return r.args[0]
}

// checkInterfaceNames reports names of the output for interfaces that are declared
// already.
func (p *Package) checkInterfaceNames() {
	owner := make(map[string]string)
	for _, t := range p.Trees {
		for _, name := range t.generatedNames() {
			owner[t.file.inPackage(name)] = t.Name
		}
	}
	for _, i := range p.Interfaces {
		i.names = namesOf(i)
		for _, name := range i.names.all() {
			key := i.file.inPackage(name)
			if pos, taken := p.declared[key]; taken {
				p.fault(i.pos, "rename it", "supgen declares %s for %s, but %s:%d:%d declares it already",
					name, i.Name, pos.Filename, pos.Line, pos.Column)
			}
			if other, taken := owner[key]; taken {
				p.fault(i.pos, "rename one of them", "supgen declares %s for %s and for %s", name, other, i.Name)
			}
			owner[key] = i.Name
		}
	}
}

// interfaceNames are the names that are generated for an interface.
type interfaceNames struct{ serve, spec, constructor, definition, client string }

func namesOf(i *pluginInterface) interfaceNames {
	n := interfaceNames{constructor: constructorName(i.Name), definition: "definitionOf" + upper(i.Name), client: "clientOf" + upper(i.Name)}
	if ast.IsExported(i.Name) {
		n.serve, n.spec = "Serve"+i.Name, i.Name+"Plugin"
	} else {
		n.serve, n.spec = "serve"+upper(i.Name), i.Name+"Plugin"
	}
	return n
}

func (n interfaceNames) all() []string {
	return []string{n.serve, n.spec, n.constructor, n.definition, n.client}
}

// errorVariables returns the names of the exported error variables of a package, by
// which errors keep their identity.
func (p *Package) errorVariables(test bool) []string {
	var names []string
	for _, f := range p.src.files {
		if f.broken || f.ignored || f.test && !test || f.ast.Name.Name != p.packageOf(test) {
			continue
		}
		for _, decl := range f.ast.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				for _, id := range s.(*ast.ValueSpec).Names {
					if len(id.Name) > 3 && id.Name[:3] == "Err" && ast.IsExported(id.Name[3:]) {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return names
}
