package gen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// check finds the faults of a package, and decides all that the output needs:
// policies, ids and names.
func check(p *Package, l *Loader) {
	p.checkPackages()
	for _, t := range p.Trees {
		p.checkTree(t)
		for _, f := range t.Fields {
			if f.isChild() {
				p.checkChild(t, f)
			}
			if f.Kind == Mailbox {
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
	p.checkNonTrees(l)
	p.checkGenerated()
	p.names = map[bool]*importNames{false: p.chooseNames(false), true: p.chooseNames(true)}
}

// checkPackages sees to it that the trees of an output are of one package.
func (p *Package) checkPackages() {
	first := make(map[bool]*Tree)
	for _, t := range p.Trees {
		name := t.file.ast.Name.Name
		switch {
		case first[t.test] == nil:
			first[t.test] = t
		case first[t.test].file.ast.Name.Name != name:
			p.fault(t.pos, "move one of them",
				"%s is of package %s, but %s is of package %s: %s can be of one only",
				t.Name, name, first[t.test].Name, first[t.test].file.ast.Name.Name, outputName(t.test))
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
		p.fault(t.pos, "give it one with name=", "the name of %s gives no id", t.Name)
	}
	p.checkPolicy(t, nil, t.defaults.over(nil))
}

func (p *Package) checkChild(t *Tree, f *Field) {
	defaults := t.defaults
	if f.Kind == Nested {
		defaults = nil // they are for workers
	}
	f.policy = f.options.over(defaults)
	if f.Kind == Nested && optionValue[sup.WhenStuck](f.policy, "stuck") == sup.StuckAbandon {
		p.fault(t.place(f, "stuck"), "use stuck=wait or stuck=escalate", "%s cannot run beside itself: it is one tree", f.Name)
	}
	p.checkPolicy(t, f, f.policy)
}

func (p *Package) checkMailbox(t *Tree, f *Field) {
	f.policy = f.options
	if set, ok := f.options["cap"]; ok && f.Name == "_" {
		p.fault(set.pos, "give it one", "a mailbox has no name")
	}
}

// checkPolicy reports what package sup refuses about the policy of a child, or about
// the defaults of the tree if f is nil. A fault of the defaults is not repeated for
// the children that inherit it.
func (p *Package) checkPolicy(t *Tree, f *Field, policy options) {
	own := t.defaults
	if f != nil {
		own = f.options
	}
	if policy["backoff"].value == nil {
		for _, set := range own.inOrder() {
			if set.option.isPart() {
				p.fault(set.pos, "add backoff=", "%s has no effect without a backoff", set.option.name)
			}
		}
	}
	for _, r := range t.refusals(f, policy) {
		if set, ok := own.first(r.groups...); ok {
			pos := set.pos
			if len(r.groups) == 1 {
				pos = set.at
			}
			p.fault(pos, r.hint, "%s", r.message)
		}
	}
}

// refusal is a fault of a spec in package sup, in the words of the tags.
type refusal struct {
	groups        []string // the options that can mend it
	message, hint string
}

// refusals returns what package sup refuses about a policy.
func (t *Tree) refusals(f *Field, policy options) []refusal {
	child := sup.ChildSpec[sup.Worker]{
		ID:    "child",
		Start: func(context.Context) (sup.Worker, error) { return nil, sup.ErrIgnore },
	}
	policy.fill(&child)
	spec := sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{child}}
	t.options.fill(&spec)
	err, refused := errors.AsType[*sup.SpecError](spec.Validate())
	if !refused {
		return nil
	}
	var all []refusal
	for _, fault := range err.Faults {
		switch fault.Field {
		case "Significant":
			if child.Restart == sup.Permanent {
				all = append(all, refusal{[]string{"significant"}, f.Name + " is significant, but permanent: it is always restarted", "make it transient or temporary"})
			}
			if spec.AutoShutdown == sup.AutoShutdownNever {
				all = append(all, refusal{[]string{"significant"}, f.Name + " is significant, but " + t.Name + " has no auto_shutdown",
					"give sup.Tree auto_shutdown=any_significant or all_significant"})
			}
		case "Backoff":
			all = append(all, refusal{[]string{"backoff", "budget", "factor", "jitter", "reset"},
				fmt.Sprintf("the waits of the backoff are so long that the budget, %v, can never be exceeded", child.Budget),
				"shorten the waits or lengthen the time of the budget"})
		default:
			problem, _, _ := strings.Cut(fault.Problem, ": ")
			if o := optionFor(fault.Field); o != nil {
				all = append(all, refusal{[]string{o.group}, o.name + ": " + problem, "write " + o.form})
			}
		}
	}
	return all
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
func (p *Package) checkHiding(f *Field) {
	switch {
	case f.Kind == Embed:
	case f.isChild() && isTreeMethod(f.Name):
		p.fault(f.pos, "rename the field; name= keeps the id", "the field %s hides a method of sup.Tree", f.Name)
	case f.isShared() && isTreeMethod(f.Name), f.Name == "Declare", f.Name == "Initialize", f.Name == "Run":
		p.fault(f.pos, "rename the field", "the field %s hides a method of sup.Tree", f.Name)
	}
}

// checkUntagged finds pointers to trees of other packages, as far as these can
// be read, that have no tag. Only with one are they children.
func (p *Package) checkUntagged(t *Tree, f *Field, l *Loader) {
	if f.Kind != Other || f.tag.present {
		return
	}
	r, ok := t.file.reference(f.expr)
	if ok && r.star && r.imp != nil && l.foreign(p, r.imp, r.name) != nil {
		p.fault(f.pos, "give it the tag `sup:\"\"` to nest it, or `sup:\"-\"` to leave it alone",
			"%s points to %s.%s, which is a tree, but has no tag", f.Name, r.pkg, r.name)
	}
}

func (p *Package) checkIDs(t *Tree) {
	first := make(map[string]*Field)
	for _, f := range t.Fields {
		if !f.isChild() {
			continue
		}
		switch other := first[f.ID]; {
		case f.Name == "_":
			p.fault(f.pos, "give it one", "a child has no name")
		case f.ID == "":
			p.fault(t.place(f, "name"), "give it one with name=", "the name of %s gives no id", f.Name)
		case other != nil:
			p.fault(t.place(f, "name"), "give one of them another with name=",
				"%s and %s are both called %q", other.Name, f.Name, f.ID)
		default:
			first[f.ID] = f
		}
	}
}

// checkMethods finds methods of the interface of constructors that would be
// there twice.
func (p *Package) checkMethods(t *Tree) {
	first := make(map[string]*Field)
	for _, f := range t.Fields {
		if f.Name == "_" {
			continue
		}
		for _, method := range f.methods() {
			if other := first[method]; other != nil {
				p.fault(f.pos, "call one of the fields something else",
					"%s and %s both need a method %s in %s", other.Name, f.Name, method, t.childrenName())
				break
			}
			first[method] = f
		}
	}
}

// checkCycle finds nested trees that lead back to the tree they are in.
func (p *Package) checkCycle(t *Tree) {
	seen := make(map[*Tree]bool) // and not known to lead back
	for _, f := range t.Fields {
		if f.Kind != Nested || f.Tree == nil {
			continue
		}
		if path := f.Tree.pathTo(t, seen); path != nil {
			p.fault(f.pos, "a tree is finite: leave the field out with `sup:\"-\"`, or declare another tree",
				"%s contains itself: %s", t.Name, strings.Join(append([]string{t.Name}, path...), " > "))
		}
	}
}

// pathTo returns the names of the trees on a way down to another, or nil.
func (t *Tree) pathTo(to *Tree, seen map[*Tree]bool) []string {
	if t == to {
		return []string{t.Name}
	}
	if seen[t] {
		return nil
	}
	seen[t] = true
	for _, f := range t.Fields {
		if f.Kind == Nested && f.Tree != nil {
			if path := f.Tree.pathTo(to, seen); path != nil {
				delete(seen, t)
				return append([]string{t.Name}, path...)
			}
		}
	}
	return nil
}

// checkGenerated finds names of the output that are taken.
func (p *Package) checkGenerated() {
	owner := make(map[string]*Tree)
	for _, t := range p.Trees {
		for _, name := range t.generatedNames() {
			if pos, taken := p.declared[t.file.inPackage(name)]; taken {
				p.fault(t.pos, "rename it, or give sup.Tree the tag `sup:\"-\"` if the tree is declared by hand", "supgen declares %s for %s, but it stands at %s:%d:%d already",
					name, t.Name, pos.Filename, pos.Line, pos.Column)
			}
			if other := owner[t.file.inPackage(name)]; other != nil {
				p.fault(t.pos, "rename one of them", "supgen would declare %s for %s and for %s", name, other.Name, t.Name)
			}
			owner[t.file.inPackage(name)] = t
		}
	}
	for _, f := range p.src.files {
		for _, imp := range f.imports {
			if t := owner[f.inPackage(imp.Name)]; t != nil && imp.Named {
				p.fault(t.pos, "import it by another name", "supgen declares %s for %s, but %s imports %q by that name",
					imp.Name, t.Name, f.name, imp.Path)
			}
		}
	}
}

// chooseNames gives names to the packages that an output imports, and to the
// variables of the functions in it.
func (p *Package) chooseNames(test bool) *importNames {
	trees := p.emitted(test)
	names := &importNames{byPath: make(map[string]*Import), paths: make(map[string]string), params: make(map[string]bool)}
	for _, t := range trees {
		for _, param := range t.Params {
			names.params[param.Name] = true
		}
	}
	names.taken = func(name string) bool {
		return len(trees) > 0 && p.declares(trees[0].file, name)
	}
	used := make(map[string]bool)
	add := func(t Type) {
		for _, part := range t.parts {
			if part.imp != nil {
				names.add(part.imp)
			}
		}
		t.identifiers(func(name string) { used[name] = true })
	}
	for _, t := range trees {
		for _, name := range t.generatedNames() {
			used[name] = true
		}
		used[t.Name] = true
		for _, param := range t.Params {
			used[param.Name] = true
			add(param.Constraint)
		}
		for _, f := range t.Fields {
			add(f.Type)
			if f.Tree != nil {
				used[f.Tree.constructorName()], used[f.Tree.childrenName()] = true, true
			}
		}
	}
	names.add(contextImport)
	names.add(timeImport)
	for _, imp := range names.byPath {
		used[imp.Name] = true
	}
	for _, t := range trees {
		t.locals = chooseLocals(t, maps.Clone(used))
	}
	return names
}
