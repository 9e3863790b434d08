package gen

import (
	"maps"
	"slices"
	"strings"
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
			p.checkForgotten(t, f, l)
			p.checkSilent(t, f, l)
		}
		p.checkIDs(t)
		p.checkMethods(t)
		p.checkCycle(t)
	}
	p.checkStrays(l)
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
	t.ID = snake(t.Name)
	if name := said[string](t.options, "name"); name != "" {
		t.ID = name
	}
	t.Strategy = said[string](t.options, "strategy")
	t.Intensity = said[*Intensity](t.options, "intensity")
	t.AutoShutdown = said[string](t.options, "auto_shutdown")
	t.Labels = t.options["labels"].option != nil
	if t.AutoShutdown == "never" {
		t.AutoShutdown = ""
	}
	if t.ID == "" {
		p.fault(t.pos, "give it one with name=", "the name of %s gives no id", t.Name)
	}
	p.checkBackoff(t, nil, t.defaults)
}

func (p *Package) checkChild(t *Tree, f *Field) {
	own := f.options
	all := own
	if f.Kind != Nested {
		all = own.over(t.defaults)
	}
	f.Policy = all.policy()
	if f.Policy.Significant {
		if f.Policy.Restart == "" || f.Policy.Restart == "permanent" {
			p.fault(t.place(f, "significant"), "make it transient or temporary",
				"%s is significant, but permanent: it never ends for good", f.Name)
		}
		if t.AutoShutdown == "" {
			p.fault(t.place(f, "significant"), "give sup.Tree auto_shutdown=any_significant or all_significant",
				"%s is significant, but %s has no auto_shutdown", f.Name, t.Name)
		}
	}
	if f.Kind == Nested && f.Policy.Stuck == "abandon" {
		p.fault(t.place(f, "stuck"), "use stuck=wait or stuck=escalate", "%s cannot run beside itself: it is one tree", f.Name)
	}
	p.checkBackoff(t, f, all)
}

func (p *Package) checkMailbox(t *Tree, f *Field) {
	f.Capacity = said[int](f.options, "cap")
	if f.Name == "_" && f.Capacity != 0 {
		p.fault(t.place(f, "cap"), "give it one", "a mailbox has no name")
	}
}

// checkBackoff checks what options that belong together say; of the defaults of
// a tree if f is nil.
func (p *Package) checkBackoff(t *Tree, f *Field, all options) {
	policy := all.policy()
	for _, group := range []string{"factor", "jitter", "reset"} {
		c, ok := all[group]
		own := f == nil || f.options[group].option != nil
		if ok && own && policy.Backoff.Min == 0 {
			p.fault(c.pos, "add backoff=", "%s means nothing without a backoff", group)
		}
	}
	if policy.Budget == nil || policy.Budget.Restarts < 0 || canTrip(*policy.Budget, policy.Backoff) {
		return
	}
	if f != nil && len(f.options) == 0 && !canTrip(*t.defaults.policy().Budget, t.defaults.policy().Backoff) {
		return // said once, about the defaults
	}
	pos := all["backoff"].pos
	if f != nil {
		pos = f.firstOf("backoff", "budget", "factor", "jitter", "reset").pos
		if !pos.IsValid() {
			return // the same
		}
	}
	p.fault(pos, "shorten the waits or lengthen the time of the budget",
		"the backoff spaces failures out so far that the budget, %v, can never be used up", *policy.Budget)
}

// firstOf returns the first of several options that stands in the field's tag.
func (f *Field) firstOf(groups ...string) chosen {
	for _, g := range groups {
		if c, ok := f.options[g]; ok {
			return c
		}
	}
	return chosen{}
}

// treeMethods are the methods of *sup.Tree, which a child must not hide, and
// Tree, which is a field already. A test compares them with the type.
var treeMethods = strings.Fields("Children Declare Done Ending Err Initialize Intensity Name Recorded Restart Run Shutdown " +
	"Snapshot Start Strategy Subscribe Terminate Tree Uptime")

// checkHiding finds fields that hide methods of sup.Tree: children and what they
// share any of them, other fields those without which the struct is no tree.
func (p *Package) checkHiding(f *Field) {
	methods, hint := []string{"Declare", "Initialize", "Run"}, "call it something else"
	if f.isChild() || f.isShared() {
		methods = treeMethods
	}
	if f.isChild() {
		hint += "; name= keeps the id"
	}
	if f.Kind != Embed && slices.Contains(methods, f.Name) {
		p.fault(f.pos, hint, "the field %s hides a method of sup.Tree", f.Name)
	}
}

// checkForgotten finds pointers to trees of other packages, as far as these can
// be read, that have no tag. Only with one are they children.
func (p *Package) checkForgotten(t *Tree, f *Field, l *Loader) {
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
