package gen

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// check reports the faults of a package. It makes all decisions for the output:
// policies, ids and names.
func check(p *Package, l *Loader) {
	p.checkPackages()
	for _, t := range p.Trees {
		p.checkTree(t)
		for _, f := range t.fields {
			if f.isChild() {
				p.checkChild(t, f)
			}
			if f.Kind == kindMailbox {
				p.checkMailbox(t, f)
			}
			p.checkHiding(f)
			p.checkUntagged(t, f, l)
			p.checkSilent(t, f, l)
		}
		p.checkIDs(t)
		p.checkMethods(t)
		p.checkCycle(t)
	}
	for _, i := range p.Interfaces {
		p.checkInterface(i)
	}
	p.checkNonTrees(l)
	p.checkGenerated()
	p.checkInterfaceNames()
	p.names = map[bool]*importNames{false: p.chooseNames(false), true: p.chooseNames(true)}
}

// checkPackages reports trees of different packages in one output. A directory can
// hold two packages, of which one is a test package.
func (p *Package) checkPackages() {
	first := make(map[bool]*Tree)
	for _, t := range p.Trees {
		name := t.file.ast.Name.Name
		switch {
		case first[t.test] == nil:
			first[t.test] = t
		case first[t.test].file.ast.Name.Name != name:
			p.fault(t.pos, "move one of them",
				"%s is in package %s and %s in package %s, but the output of both is %s",
				t.Name, name, first[t.test].Name, first[t.test].file.ast.Name.Name, outputName(t.test))
		}
	}
	for _, i := range p.Interfaces {
		if p.Name == "" {
			p.Name = i.file.ast.Name.Name
		}
	}
	for _, test := range []bool{true, false} {
		if first[test] != nil {
			p.Name = first[test].file.ast.Name.Name
		}
	}
}

func (p *Package) checkTree(t *Tree) {
	t.ID = cmp.Or(optionValue[string](t.options, "name"), snake(t.Name))
	if t.ID == "" {
		p.fault(t.pos, "choose an id with name=", "the name %s gives no id", t.Name)
	}
	p.checkPolicy(t, nil, t.defaults.over(nil))
}

func (p *Package) checkChild(t *Tree, f *field) {
	defaults := t.defaults
	if f.Kind == kindNested {
		defaults = nil // they are for workers
	}
	f.policy = f.options.over(defaults)
	if f.Kind == kindNested && optionValue[sup.WhenStuck](f.policy, "stuck") == sup.StuckAbandon {
		p.fault(t.place(f, "stuck"), "use stuck=wait or stuck=escalate", "the nested tree %s cannot be abandoned", f.Name)
	}
	p.checkPolicy(t, f, f.policy)
	p.checkUnlimited(t, f)
}

func (p *Package) checkMailbox(t *Tree, f *field) {
	f.policy = f.options
	if set, ok := f.options["cap"]; ok && f.Name == "_" {
		p.fault(set.pos, "name the field", "a mailbox has no name")
	}
}

// isTreeMethod reports whether a field of this name hides a method of sup.Tree, or the
// embedded field itself.
func isTreeMethod(name string) bool {
	_, is := reflect.TypeFor[*sup.Tree]().MethodByName(name)
	return is || name == "Tree"
}

// checkHiding finds fields that hide methods of sup.Tree. Children and shared fields
// must not hide any method. Other fields must not hide those that make the struct a
// tree.
func (p *Package) checkHiding(f *field) {
	switch {
	case f.Kind == kindEmbed:
	case f.isChild() && isTreeMethod(f.Name):
		p.fault(f.pos, "rename the field; name= keeps the id", "the field %s hides a method of sup.Tree", f.Name)
	case f.isShared() && isTreeMethod(f.Name), f.Name == "Declare", f.Name == "Initialize", f.Name == "Run":
		p.fault(f.pos, "rename the field", "the field %s hides a method of sup.Tree", f.Name)
	}
}

// checkUntagged reports pointers to trees of other packages of the module that have no
// tag, because only a tag makes them children.
func (p *Package) checkUntagged(t *Tree, f *field, l *Loader) {
	if f.Kind != kindOther || f.tag.present {
		return
	}
	r, ok := t.file.reference(f.expr)
	if ok && r.star && r.imp != nil && l.foreign(p, r.imp, r.name) != nil {
		p.fault(f.pos, "add the tag `sup:\"\"` to nest the tree, or `sup:\"-\"` to exclude the field",
			"%s points to %s.%s, which is a tree, but has no tag", f.Name, r.pkg, r.name)
	}
}

func (p *Package) checkIDs(t *Tree) {
	first := make(map[string]*field)
	for _, f := range t.fields {
		if !f.isChild() {
			continue
		}
		switch other := first[f.ID]; {
		case f.Name == "_":
			p.fault(f.pos, "name the field", "a child has no name")
		case f.ID == "":
			p.fault(t.place(f, "name"), "choose an id with name=", "the name %s gives no id", f.Name)
		case other != nil:
			p.fault(t.place(f, "name"), "give one of them another id with name=",
				"%s and %s have the same id, %q", other.Name, f.Name, f.ID)
		default:
			first[f.ID] = f
		}
	}
}

// checkMethods reports fields that need the same method in the interface of
// constructors.
func (p *Package) checkMethods(t *Tree) {
	first := make(map[string]*field)
	for _, f := range t.fields {
		if f.Name == "_" {
			continue
		}
		for _, method := range f.methods() {
			if other := first[method]; other != nil {
				p.fault(f.pos, "rename one of the fields",
					"%s and %s both need a method %s in %s", other.Name, f.Name, method, t.childrenName())
				break
			}
			first[method] = f
		}
	}
}

// checkCycle reports nested trees that contain the tree that they are nested in.
func (p *Package) checkCycle(t *Tree) {
	seen := make(map[*Tree]bool) // trees without a path to t
	for _, f := range t.fields {
		if f.Kind != kindNested || f.Tree == nil {
			continue
		}
		if path := f.Tree.pathTo(t, seen); path != nil {
			p.fault(f.pos, "exclude the field with `sup:\"-\"`, or declare another tree",
				"%s contains itself: %s", t.Name, strings.Join(append([]string{t.Name}, path...), " > "))
		}
	}
}

// pathTo returns the names of the trees on a path from t down to another tree, or nil.
// It does not visit the trees in seen.
func (t *Tree) pathTo(to *Tree, seen map[*Tree]bool) []string {
	if t == to {
		return []string{t.Name}
	}
	if seen[t] {
		return nil
	}
	seen[t] = true
	for _, f := range t.fields {
		if f.Kind == kindNested && f.Tree != nil {
			if path := f.Tree.pathTo(to, seen); path != nil {
				delete(seen, t)
				return append([]string{t.Name}, path...)
			}
		}
	}
	return nil
}

// checkGenerated reports names of the output that are already declared.
func (p *Package) checkGenerated() {
	owner := make(map[string]*Tree)
	for _, t := range p.Trees {
		for _, name := range t.generatedNames() {
			if pos, taken := p.declared[t.file.inPackage(name)]; taken {
				p.fault(t.pos, "rename it, or give sup.Tree the tag `sup:\"-\"` if the tree is declared by hand", "supgen declares %s for %s, but %s:%d:%d declares it already",
					name, t.Name, pos.Filename, pos.Line, pos.Column)
			}
			if other := owner[t.file.inPackage(name)]; other != nil {
				p.fault(t.pos, "rename one of them", "supgen declares %s for %s and for %s", name, other.Name, t.Name)
			}
			owner[t.file.inPackage(name)] = t
		}
	}
	for _, f := range p.src.files {
		for _, imp := range f.imports {
			if t := owner[f.inPackage(imp.Name)]; t != nil && imp.Named {
				p.fault(t.pos, "import it under another name", "supgen declares %s for %s, but %s imports %q under this name",
					imp.Name, t.Name, f.name, imp.Path)
			}
		}
	}
}
