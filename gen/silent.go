package gen

import (
	"go/ast"
	"go/token"
	"strings"

	"github.com/espalier-go/espalier/internal/spelling"
)

// This file finds fields that look like children and are not. Such a field compiles, but
// its worker never starts.

// typeDecl is a type declaration.
type typeDecl struct {
	file *file
	spec *ast.TypeSpec
}

// noteType records a type declaration, and noteRun a type with the Run method of a
// worker.
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

// isRun reports whether a function has the signature of the Run method of a worker.
func isRun(t *ast.FuncType) bool {
	if t.Params.NumFields() != 1 || t.Results.NumFields() != 1 {
		return false
	}
	param, isPkg := t.Params.List[0].Type.(*ast.SelectorExpr)
	result, isName := t.Results.List[0].Type.(*ast.Ident)
	return isPkg && param.Sel.Name == "Context" && isName && result.Name == "error"
}

// underlying follows type declarations of the package from a type to the last one with a
// name. It returns that type and the file that refers to it.
func (p *Package) underlying(f *file, r reference) (*file, reference) {
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

// isChildType reports whether a type is sup.Child, sup.Keyed or sup.Replicas.
func (r reference) isChildType() bool {
	_, is := childTypes[r.name]
	return is && r.path() == supPath && len(r.args) > 0
}

// checkSilent reports fields of a tree that look like children and are not.
func (p *Package) checkSilent(t *Tree, f *field, l *Loader) {
	if f.Kind != kindOther || f.tag.present {
		return
	}
	exclude := ", or exclude the field with `sup:\"-\"`"
	r, named := t.file.reference(f.expr)
	if named && r.path() == supPath && !r.isWorkerOfSup() {
		return // classify has reported it, or it is data
	}
	if named {
		if other := p.otherName(t.file, r, l); other != "" {
			p.fault(f.pos, "write "+other+exclude, "the type of %s is another name for %s, so %s is not a child", f.Name, other, f.Name)
			return
		}
	}
	if held, pos := p.holds(t.file, f.expr, f.embedded, l); held != "" {
		if !pos.IsValid() {
			pos = f.pos
		}
		p.fault(pos, "make it a field of "+t.Name+exclude, "%s holds a %s, which is not a field of the tree and never starts", f.Name, held)
		return
	}
	if named && p.isWorker(t.file, r, l, make(map[*ast.TypeSpec]bool)) {
		p.fault(f.pos, "write sup.Child["+starred(!r.star && !r.isInterfaceOfSup())+f.Type.Text+"]"+exclude, "%s has a method Run, but is not a child", f.Name)
	}
}

// workers are the exported types of espalier that have a method Run. Their source is not
// read, because it is mostly in another module than the tree. Package sup has others that
// classifyChild knows, and sup.Tree.
var workers = map[string]bool{
	supPath + ".Supervisor":     true,
	supPath + ".Stateful":       true,
	supPath + ".Worker":         true,
	supPath + "/httpsup.Server": true,
	supPath + "/plugin.Client":  true,
	supPath + "/proc.Worker":    true,
	supPath + "/remote.Server":  true,
	supPath + "/suptest.Worker": true,
}

func (r reference) isWorkerOfSup() bool    { return r.imp != nil && workers[r.path()+"."+r.name] }
func (r reference) isInterfaceOfSup() bool { return r.path() == supPath && r.name == "Worker" }

// isWorker reports whether a type has the Run method of a worker: its own, that of an
// embedded type, or that of a type that it is an alias of. A tree is no worker here.
func (p *Package) isWorker(f *file, r reference, l *Loader, seen map[*ast.TypeSpec]bool) bool {
	in, decl := p, typeDecl{}
	switch {
	case r.isWorkerOfSup():
		return true
	case r.imp != nil:
		if in, decl = l.typeOf(p, r.imp, r.name); in == nil {
			return false
		}
	case r.pkg == "":
		decl = p.types[f.inPackage(r.name)]
	}
	if decl.spec == nil || seen[decl.spec] {
		return false
	}
	seen[decl.spec] = true
	s, ok := decl.spec.Type.(*ast.StructType)
	switch {
	case ok && decl.file.embedsTree(s):
		return false
	case in.runs[decl.file.inPackage(r.name)]:
		return true
	case decl.spec.Assign.IsValid():
		next, named := decl.file.reference(decl.spec.Type)
		return named && in.isWorker(decl.file, next, l, seen)
	case !ok:
		return false
	}
	for _, field := range s.Fields.List {
		if next, named := decl.file.reference(field.Type); named && len(field.Names) == 0 && in.isWorker(decl.file, next, l, seen) {
			return true
		}
	}
	return false
}

func (f *file) embedsTree(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		if r, ok := f.reference(field.Type); ok && len(field.Names) == 0 && r.path() == supPath && r.name == "Tree" {
			return true
		}
	}
	return false
}

// otherName returns the type that a declared type stands for if it is a child type,
// sup.Tree or a tree, and "" otherwise. The declaration may be in another package of the
// module.
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
	at, r = in.underlying(at, r)
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

// typeOf returns the declaration of a type in another package of the module, and the
// package, or nil.
func (l *Loader) typeOf(from *Package, imp *importedPackage, name string) (*Package, typeDecl) {
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

// holds returns the child type inside a type, or "". It looks into structs that are not
// trees, arrays and maps, and follows a pointer only if it is embedded. Arrays and maps
// hold nested trees too. pos is valid if the child is in the same type literal. The result
// for a declared type is cached.
func (p *Package) holds(f *file, expr ast.Expr, embedded bool, l *Loader) (what string, pos token.Pos) {
	switch x := ast.Unparen(expr).(type) {
	case *ast.ArrayType:
		return p.holdsElement(f, x.Elt, l)
	case *ast.MapType:
		return p.holdsElement(f, x.Value, l)
	case *ast.StructType:
		for _, field := range x.Fields.List {
			if field.Tag != nil && f.tagOf(p, field.Tag).skip {
				continue
			}
			if what, _ := p.holds(f, field.Type, len(field.Names) == 0, l); what != "" {
				return what, field.Pos()
			}
		}
		return "", token.NoPos
	}
	r, named := f.reference(expr)
	if !named || r.star && !embedded && !r.isChildType() {
		return "", token.NoPos
	}
	if r.isChildType() {
		return "sup." + r.name, expr.Pos()
	}
	if r.imp != nil {
		if other, decl := l.typeOf(p, r.imp, r.name); other != nil {
			return other.heldBy(decl, l), token.NoPos
		}
		return "", token.NoPos
	}
	if r.pkg != "" {
		return "", token.NoPos
	}
	return p.heldBy(p.types[f.inPackage(r.name)], l), token.NoPos
}

// holdsElement is holds for the elements of an array or a map.
func (p *Package) holdsElement(f *file, expr ast.Expr, l *Loader) (what string, pos token.Pos) {
	if r, named := f.reference(expr); named && r.star {
		switch {
		case r.pkg == "" && p.byName[f.inPackage(r.name)] != nil:
			return "*" + r.name, expr.Pos()
		case r.imp != nil && l.foreign(p, r.imp, r.name) != nil:
			return "*" + r.pkg + "." + r.name, expr.Pos()
		}
	}
	return p.holds(f, expr, false, l)
}

// heldBy is holds for a declared type.
func (p *Package) heldBy(decl typeDecl, l *Loader) string {
	if decl.spec == nil {
		return ""
	}
	if what, known := p.held[decl.spec]; known {
		return what
	}
	p.held[decl.spec] = "" // ends the recursion of a recursive type
	if s, ok := decl.spec.Type.(*ast.StructType); ok && decl.file.embedsTree(s) {
		return "" // a tree
	}
	what, _ := p.holds(decl.file, decl.spec.Type, false, l)
	p.held[decl.spec] = what
	return what
}

// checkPromoted reports structs with children that are not trees, but have the methods
// of a tree that they embed.
func (p *Package) checkPromoted(s nonTree, l *Loader) {
	fields := s.spec.Type.(*ast.StructType).Fields.List
	var from string
	var embed *ast.Field
	for _, field := range fields {
		r, ok := s.file.reference(field.Type)
		if !ok || len(field.Names) > 0 || r.path() == supPath {
			continue
		}
		if other := p.otherName(s.file, r, l); other == "sup.Tree" {
			p.fault(field.Pos(), "embed sup.Tree itself", "%s embeds sup.Tree under another name, which does not make a tree", s.spec.Name.Name)
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
				"%s has a child, but is not a tree, because it embeds the tree %s", s.spec.Name.Name, from)
		}
	}
}

// checkKey reports a misspelt key sup, on a field that takes options or with a value that
// has some.
func (p *Package) checkKey(f *file, kind kind, t tag) {
	for _, near := range t.near {
		if kind != kindOther || mentionsOption(near.value) {
			p.fault(f.ast.FileStart+token.Pos(near.at), "did you mean sup?", "the tag has no key sup, but has the key %q", near.key)
		}
	}
}

// nearKey is a tag key that may be a misspelt sup.
type nearKey struct {
	key, value string
	at         int
}

func isNearSup(key string) bool {
	return len(key) > 1 && (strings.EqualFold(key, "sup") || spelling.Distance(strings.ToLower(key), "sup") == 1)
}

// mentionsOption reports whether the value of a key has an option.
func mentionsOption(value string) bool {
	for piece := range strings.SplitSeq(value, ",") {
		name, _, _ := strings.Cut(piece, "=")
		if lookup(strings.TrimSpace(name)) != nil {
			return true
		}
	}
	return false
}

// nonTree is a struct that does not embed sup.Tree.
type nonTree struct {
	file *file
	spec *ast.TypeSpec
}

// checkNonTrees checks the structs that are not trees. All trees must be known.
func (p *Package) checkNonTrees(l *Loader) {
	for _, s := range p.nonTrees {
		p.checkPromoted(s, l)
	}
}
