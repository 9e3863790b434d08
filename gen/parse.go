package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// parse makes the model of a package. It reports faults of form; check reports the
// others.
func parse(src *source) *Package {
	p := &Package{
		Dir:      src.dir,
		src:      src,
		declared: make(map[string]token.Position),
		byName:   make(map[string]*Tree),
		types:    make(map[string]typeDecl),
		runs:     make(map[string]bool),
		marshals: make(map[string]bool),
		held:     make(map[*ast.TypeSpec]string),
		faults:   src.faults,
	}
	var specs []treeSpec
	for _, f := range src.files {
		p.declare(f)
	}
	for _, f := range src.files {
		for _, spec := range f.structs() {
			if t := p.newTree(f, spec); t != nil {
				specs = append(specs, treeSpec{spec, t})
			}
		}
	}
	for _, s := range specs {
		p.parseTree(s)
	}
	p.parseInterfaces()
	return p
}

// treeSpec is a tree with its declaration.
type treeSpec struct {
	spec *ast.TypeSpec
	tree *Tree
}

func (p *Package) fault(pos token.Pos, hint, format string, args ...any) {
	p.faults = append(p.faults, Fault{p.src.position(pos), fmt.Sprintf(format, args...), hint})
}

// inPackage returns the key of a name. A directory can hold two packages and files that
// belong to neither.
func (f *file) inPackage(name string) string {
	if f.ignored {
		return "ignored " + f.ast.Name.Name + "." + name
	}
	return f.ast.Name.Name + "." + name
}

func (p *Package) declares(f *file, name string) bool {
	_, ok := p.declared[f.inPackage(name)]
	return ok
}

// declare records the package-level declarations of a file.
func (p *Package) declare(f *file) {
	note := func(id *ast.Ident) {
		if _, ok := p.declared[f.inPackage(id.Name)]; !ok && id.Name != "_" {
			p.declared[f.inPackage(id.Name)] = p.src.position(id.Pos())
		}
	}
	for _, decl := range f.ast.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv != nil {
				p.noteRun(f, decl)
				p.noteMarshaler(f, decl)
			} else if decl.Name.Name != "init" {
				note(decl.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					note(spec.Name)
					p.noteType(f, spec)
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						note(id)
					}
				}
			}
		}
	}
}

// structs returns the struct types that a file declares at package level.
func (f *file) structs() []*ast.TypeSpec {
	if !f.importsSup || f.broken {
		return nil
	}
	var specs []*ast.TypeSpec
	for _, decl := range f.ast.Decls {
		if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.TYPE {
			for _, spec := range gen.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && isStruct(spec.Type) {
					specs = append(specs, spec)
				}
			}
		}
	}
	return specs
}

func isStruct(expr ast.Expr) bool {
	s, ok := expr.(*ast.StructType)
	return ok && s.Fields != nil
}

// newTree returns a tree for a struct that embeds sup.Tree, or nil.
func (p *Package) newTree(f *file, spec *ast.TypeSpec) *Tree {
	var embed *ast.Field
	for _, field := range spec.Type.(*ast.StructType).Fields.List {
		r, ok := f.reference(field.Type)
		switch {
		case !ok || r.name != "Tree" || len(field.Names) > 0:
		case r.path() == supPath && r.star:
			p.fault(field.Type.Pos(), "remove the star", "a tree cannot embed a pointer to sup.Tree")
			return nil
		case r.imp == nil && r.pkg == "" && f.dotImports(supPath):
			p.fault(field.Type.Pos(), "import sup without the dot", "a tree cannot be declared with a dot import of sup")
			return nil
		case r.path() == supPath && embed != nil:
			p.fault(field.Type.Pos(), "remove one", "%s embeds sup.Tree twice", spec.Name.Name)
		case r.path() == supPath:
			embed = field
		}
	}
	if embed == nil {
		p.checkNonTree(f, spec)
		p.nonTrees = append(p.nonTrees, nonTree{f, spec})
		return nil
	}
	if p.isByHand(f, spec, embed) {
		return nil
	}
	t := &Tree{Name: spec.Name.Name, file: f, pos: spec.Name.Pos(), test: f.test}
	p.Trees = append(p.Trees, t)
	if _, twice := p.byName[f.inPackage(t.Name)]; !twice {
		p.byName[f.inPackage(t.Name)] = t
	}
	return t
}

// isByHand reports whether a tree is declared by hand. Its tag says so, or it has no
// tags and the package declares its constructor.
func (p *Package) isByHand(f *file, spec *ast.TypeSpec, embed *ast.Field) bool {
	if embed.Tag != nil && f.tagOf(p, embed.Tag).skip {
		return true
	}
	for _, field := range spec.Type.(*ast.StructType).Fields.List {
		if field.Tag != nil && strings.Contains(field.Tag.Value, "sup") {
			return false
		}
	}
	return p.declares(f, constructorName(spec.Name.Name))
}

// checkNonTree reports tags of children and mailboxes, and a sup.Tree with a name, in a
// struct that is not a tree.
func (p *Package) checkNonTree(f *file, spec *ast.TypeSpec) {
	for _, field := range spec.Type.(*ast.StructType).Fields.List {
		r, ok := f.reference(field.Type)
		if !ok || r.path() != supPath && r.path() != mailboxPath {
			continue
		}
		tag := f.tagIn(p, field)
		switch {
		case tag.skip:
		case r.path() == supPath && r.name == "Tree" && !r.star:
			p.fault(field.Pos(), "remove the name, or exclude the field with `sup:\"-\"`", "sup.Tree is a named field, which does not make a tree")
		case !tag.present:
		case r.path() == mailboxPath:
			p.fault(p.tagPos(f, tag), "embed sup.Tree in it, or call SetCapacity",
				"%s has a mailbox with a tag, but is not a tree", spec.Name.Name)
		default:
			p.fault(p.tagPos(f, tag), "embed sup.Tree in it", "%s has a child, but is not a tree", spec.Name.Name)
		}
	}
}

func (p *Package) tagPos(f *file, t tag) token.Pos { return f.ast.FileStart + token.Pos(t.at) }

func (f *file) tagOf(p *Package, lit *ast.BasicLit) tag {
	return parseTag(f.src, p.src.fset.File(lit.Pos()).Offset(lit.Pos()))
}

// tagIn returns the tag of a field. The zero tag stands for none.
func (f *file) tagIn(p *Package, field *ast.Field) tag {
	if field.Tag == nil {
		return tag{}
	}
	return f.tagOf(p, field.Tag)
}

func (f *file) dotImports(path string) bool {
	for _, dot := range f.dots {
		if dot == path {
			return true
		}
	}
	return false
}

// reference is a type with a name, in its parts: *pkg.name[args].
type reference struct {
	star bool
	pkg  string
	imp  *importedPackage // nil for a type of this package or an unresolved package
	name string
	args []ast.Expr
}

func (r reference) path() string {
	if r.imp == nil {
		return ""
	}
	return r.imp.Path
}

func (f *file) reference(expr ast.Expr) (r reference, ok bool) {
	expr = ast.Unparen(expr)
	if star, isStar := expr.(*ast.StarExpr); isStar {
		r.star = true
		expr = ast.Unparen(star.X)
	}
	switch x := expr.(type) {
	case *ast.IndexExpr:
		expr, r.args = ast.Unparen(x.X), []ast.Expr{x.Index}
	case *ast.IndexListExpr:
		expr, r.args = ast.Unparen(x.X), x.Indices
	}
	switch x := expr.(type) {
	case *ast.Ident:
		r.name = x.Name
		return r, true
	case *ast.SelectorExpr:
		id, isName := x.X.(*ast.Ident)
		if !isName {
			return r, false
		}
		r.pkg, r.name = id.Name, x.Sel.Name
		r.imp, _ = f.resolve(id.Name)
		return r, true
	}
	return r, false
}

// parseTree reads the fields and type parameters of a tree.
func (p *Package) parseTree(s treeSpec) {
	t, f := s.tree, s.tree.file
	if c := f.constraint(); c != "" {
		p.fault(t.pos, "move it to a file without one", "%s is declared in a file with a build constraint, %s", t.Name, c)
	}
	if len(f.dots) > 0 {
		p.fault(t.pos, "import the package without the dot", "%s is declared in a file with a dot import, of %q", t.Name, f.dots[0])
	}
	if s.spec.Assign.IsValid() {
		p.fault(s.spec.Assign, "remove the =", "%s is an alias, but a tree is a defined type", t.Name)
	}
	if s.spec.TypeParams != nil {
		for _, field := range s.spec.TypeParams.List {
			if isDeep(field.Type) {
				p.fault(field.Type.Pos(), "declare a type for a part of it", "a constraint is nested more than %d levels deep", maxNested)
				continue
			}
			constraint := p.typeText(f, field.Type)
			for _, name := range field.Names {
				if name.Name == "_" {
					p.fault(name.Pos(), "give it a name", "a type parameter of %s has no name", t.Name)
				}
				t.typeParams = append(t.typeParams, typeParam{name.Name, constraint})
			}
		}
	}
	for _, field := range s.spec.Type.(*ast.StructType).Fields.List {
		t.fields = append(t.fields, p.parseField(t, field)...)
	}
}
