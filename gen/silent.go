package gen

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/spelling"
)

// What stands in a struct and looks like a child, but is none, would be silent: the
// code compiles, and the worker never starts.

// typeDecl is a type that a package declares.
type typeDecl struct {
	file *file
	spec *ast.TypeSpec
}

// noteType notes a type, and noteRun one that has the method of a worker.
func (p *Package) noteType(f *file, spec *ast.TypeSpec) {
	if key := f.inPackage(spec.Name.Name); p.types[key].spec == nil {
		p.types[key] = typeDecl{f, spec}
	}
}

func (p *Package) noteRun(f *file, decl *ast.FuncDecl) {
	if decl.Name.Name != "Run" || len(decl.Recv.List) != 1 || !isRun(decl.Type) {
		return
	}
	if r, ok := f.reference(decl.Recv.List[0].Type); ok {
		p.runs[f.inPackage(r.name)] = true
	}
}

// isRun reports whether a function is as the Run of sup.Worker.
func isRun(t *ast.FuncType) bool {
	if t.Params.NumFields() != 1 || t.Results.NumFields() != 1 {
		return false
	}
	param, isPkg := t.Params.List[0].Type.(*ast.SelectorExpr)
	result, isName := t.Results.List[0].Type.(*ast.Ident)
	return isPkg && param.Sel.Name == "Context" && isName && result.Name == "error"
}

// meaning follows names that the package declares for other types to what they stand
// for, as far as that has a name. It returns the file that the last one stands in.
func (p *Package) meaning(f *file, r reference) (*file, reference) {
	seen := make(map[string]bool)
	for r.pkg == "" && !seen[f.inPackage(r.name)] {
		seen[f.inPackage(r.name)] = true
		decl := p.types[f.inPackage(r.name)]
		if decl.spec == nil || p.byName[f.inPackage(r.name)] != nil {
			break
		}
		next, named := decl.file.reference(decl.spec.Type)
		if !named {
			break
		}
		f, r = decl.file, next
	}
	return f, r
}

var childTypes = []string{"Child", "Keyed", "Replicas"}

// isChildType reports whether a type is one of those of sup that are children.
func (r reference) isChildType() bool {
	return r.path() == supPath && len(r.args) > 0 && slices.Contains(childTypes, r.name)
}

// checkSilent finds fields of a tree that look like children and are none.
func (p *Package) checkSilent(t *Tree, f *Field, l *Loader) {
	if f.Kind != Other || f.tag.present {
		return
	}
	leave := "`sup:\"-\"` leaves it alone"
	r, named := t.file.reference(f.expr)
	if named && r.path() == supPath {
		return // classify has had its say
	}
	if named {
		if other := p.otherName(t.file, r, l); other != "" {
			p.fault(f.pos, "write "+other+" itself; "+leave, "the type of %s is another name for %s, and no child", f.Name, other)
			return
		}
	}
	if held, pos := p.holds(t.file, f.expr, f.embedded); held != "" {
		if !pos.IsValid() {
			pos = f.pos
		}
		p.fault(pos, "make it a field of "+t.Name+" itself; "+leave, "%s holds a %s, which is not a field of the tree and never starts", f.Name, held)
		return
	}
	if named && r.pkg == "" && p.runs[t.file.inPackage(r.name)] && p.byName[t.file.inPackage(r.name)] == nil && !p.isTreeByHand(t.file, r) {
		p.fault(f.pos, "write sup.Child["+starred(!r.star)+f.Type.Text+"]; "+leave, "%s has a method Run, but is no child", f.Name)
	}
}

// isTreeByHand reports whether a type of the package embeds sup.Tree.
func (p *Package) isTreeByHand(f *file, r reference) bool {
	decl := p.types[f.inPackage(r.name)]
	if decl.spec == nil {
		return false
	}
	s, ok := decl.spec.Type.(*ast.StructType)
	return ok && decl.file.embedsTree(s)
}

func (f *file) embedsTree(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		if r, ok := f.reference(field.Type); ok && len(field.Names) == 0 && r.path() == supPath && r.name == "Tree" {
			return true
		}
	}
	return false
}

// otherName returns what a type is that is another name for a child, for sup.Tree, or
// for a tree; or "". It can be declared in another package of the module.
func (p *Package) otherName(f *file, r reference, l *Loader) string {
	in, at := p, f
	if r.imp != nil {
		other, decl := l.typeOf(p, r.imp, r.name)
		if other == nil {
			return ""
		}
		next, named := decl.file.reference(decl.spec.Type)
		if !named {
			return ""
		}
		next.star = next.star || r.star
		in, at, r = other, decl.file, next
	} else if p.byName[f.inPackage(r.name)] != nil || r.pkg != "" {
		return ""
	}
	star := r.star
	at, r = in.meaning(at, r)
	switch {
	case r.isChildType() || r.path() == supPath && r.name == "Tree":
		return "sup." + r.name
	case r.pkg == "" && in.byName[at.inPackage(r.name)] != nil:
		return starred(star || r.star) + r.name
	case r.imp != nil && l.foreign(in, r.imp, r.name) != nil:
		return starred(star || r.star) + r.pkg + "." + r.name
	}
	return ""
}

func starred(is bool) string {
	if is {
		return "*"
	}
	return ""
}

// typeOf returns a type of another package of the same module, and the package.
func (l *Loader) typeOf(from *Package, imp *Import, name string) (*Package, typeDecl) {
	dir, ok := l.dirOf(from, imp)
	if !ok {
		return nil, typeDecl{}
	}
	p, err := l.parsed(dir)
	if err != nil {
		return nil, typeDecl{}
	}
	for _, f := range p.src.files {
		if decl := p.types[f.inPackage(name)]; decl.spec != nil && !f.test && !f.ignored {
			return p, decl
		}
	}
	return nil, typeDecl{}
}

// holds returns the child that a type has in it: in a struct that is no tree, in an
// array, or in a map; and where, if that is in the same type literal. Each declared
// type is looked at once. A pointer leads into a struct only if it is embedded.
func (p *Package) holds(f *file, expr ast.Expr, embedded bool) (what string, pos token.Pos) {
	switch x := ast.Unparen(expr).(type) {
	case *ast.ArrayType:
		return p.holds(f, x.Elt, false)
	case *ast.MapType:
		return p.holds(f, x.Value, false)
	case *ast.StructType:
		for _, field := range x.Fields.List {
			if field.Tag != nil && f.tagOf(p, field.Tag).skip {
				continue
			}
			if what, _ := p.holds(f, field.Type, len(field.Names) == 0); what != "" {
				return what, field.Pos()
			}
		}
		return "", token.NoPos
	}
	r, named := f.reference(expr)
	if !named {
		return "", token.NoPos
	}
	if r.isChildType() {
		return "sup." + r.name, expr.Pos()
	}
	decl := p.types[f.inPackage(r.name)]
	if r.pkg != "" || decl.spec == nil || r.star && !embedded {
		return "", token.NoPos
	}
	if what, known := p.held[decl.spec]; known {
		return what, token.NoPos
	}
	p.held[decl.spec] = "" // for one that leads back here
	if s, ok := decl.spec.Type.(*ast.StructType); ok && decl.file.embedsTree(s) {
		return "", token.NoPos // a tree
	}
	what, _ = p.holds(decl.file, decl.spec.Type, false)
	p.held[decl.spec] = what
	return what, token.NoPos
}

// checkBorrowed finds structs that are no trees, but have children, and get the
// methods of a tree from what they embed.
func (p *Package) checkBorrowed(s stray, l *Loader) {
	fields := s.spec.Type.(*ast.StructType).Fields.List
	var from string
	var embed *ast.Field
	for _, field := range fields {
		r, ok := s.file.reference(field.Type)
		if !ok || len(field.Names) > 0 || r.path() == supPath {
			continue
		}
		if other := p.otherName(s.file, r, l); other == "sup.Tree" {
			p.fault(field.Pos(), "embed sup.Tree itself", "%s embeds sup.Tree by another name, and makes no tree", s.spec.Name.Name)
			return
		}
		if p.byName[s.file.inPackage(r.name)] != nil && r.pkg == "" || p.otherName(s.file, r, l) != "" {
			embed, from = field, r.name
		}
	}
	if embed == nil {
		return
	}
	for _, field := range fields {
		if r, ok := s.file.reference(field.Type); ok && r.isChildType() && len(field.Names) > 0 &&
			(field.Tag == nil || !s.file.tagOf(p, field.Tag).present) {
			p.fault(field.Pos(), "embed sup.Tree, and make "+from+" a field with a name",
				"%s has a child, but is no tree: it embeds %s, which is another one", s.spec.Name.Name, from)
		}
	}
}

// checkKey finds a tag whose key is nearly sup, on what would heed it.
func (p *Package) checkKey(f *file, kind Kind, t tag) {
	for _, near := range t.near {
		if kind != Other || mentionsOption(near.value) {
			p.fault(f.ast.FileStart+token.Pos(near.at), "did you mean sup?", "the tag has no key sup, but has the key %q", near.key)
		}
	}
}

// nearKey is a key of a tag that may be meant to be sup.
type nearKey struct {
	key, value string
	at         int
}

func isNearSup(key string) bool {
	return len(key) > 1 && (strings.EqualFold(key, "sup") || spelling.Distance(strings.ToLower(key), "sup") == 1)
}

// mentionsOption reports whether the value of a key could be one for supgen.
func mentionsOption(value string) bool {
	for piece := range strings.SplitSeq(value, ",") {
		name, _, _ := strings.Cut(piece, "=")
		if lookup(strings.TrimSpace(name)) != nil {
			return true
		}
	}
	return false
}

// stray is a struct that is no tree.
type stray struct {
	file *file
	spec *ast.TypeSpec
}

// checkNonTrees looks at all of them, once the trees are known.
func (p *Package) checkNonTrees(l *Loader) {
	for _, s := range p.strays {
		p.checkBorrowed(s, l)
	}
}
