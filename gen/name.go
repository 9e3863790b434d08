package gen

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// upper returns a name with a capital first letter.
func upper(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[size:]
}

// lower returns a name with its first word in lower case, as in httpServer. It counts
// letters, because a lower-case letter can have more bytes than its capital.
func lower(name string) string {
	bare := strings.TrimLeft(name, "_")
	if first, _ := utf8.DecodeRuneInString(bare); !unicode.IsLetter(first) {
		return name // without its underscore it would not be a name
	}
	word := words(bare)[0]
	return word + string([]rune(bare)[utf8.RuneCountInString(word):])
}

// The names that are generated for a tree are exported if the tree is.
func (t *Tree) childrenName() string    { return childrenName(t.Name) }
func (t *Tree) constructorName() string { return constructorName(t.Name) }
func (t *Tree) funcsName() string       { return t.Name + "Funcs" }
func (t *Tree) adaptorName() string     { return "funcsOf" + upper(t.Name) }

func childrenName(tree string) string { return tree + "Children" }

func constructorName(tree string) string {
	if ast.IsExported(tree) {
		return "New" + tree
	}
	return "new" + upper(tree)
}

func (t *Tree) generatedNames() []string {
	return []string{t.childrenName(), t.constructorName(), t.funcsName(), t.adaptorName()}
}

// makerName is the name of the field's method in the interface of constructors. It is
// exported even if the field is not, so that other packages can implement the
// interface. A name that begins with _ or 世 has no capital letter, and gets a prefix.
func (f *field) makerName() string {
	switch name := upper(f.Name); {
	case f.Kind != kindNested:
		return "New" + name
	case ast.IsExported(name):
		return name
	default:
		return "Tree" + name
	}
}

func (f *field) countName() string { return "Count" + upper(f.Name) }

// asksCount reports whether a method returns the number of replicas.
func (f *field) asksCount() bool { return f.Kind == kindReplicas && f.policy["count"].option == nil }

// methods returns the methods that a field needs in the interface of constructors.
func (f *field) methods() []string {
	switch {
	case !f.isChild():
		return nil
	case f.asksCount():
		return []string{f.makerName(), f.countName()}
	}
	return []string{f.makerName()}
}

// locals are the names of parameters and variables in the generated functions of a
// tree.
type locals struct {
	children, tree, observers, ctx, key, index, receiver string
	makers, counts                                       map[*field]string // parameters of the adaptor
}

// chooseLocals returns names that hide none of the names in used, which the functions
// refer to.
func chooseLocals(t *Tree, used map[string]bool) locals {
	pick := func(wishes ...string) string {
		for _, name := range wishes {
			if !used[name] && !isReserved(name) {
				used[name] = true
				return name
			}
		}
		last := wishes[len(wishes)-1]
		for i := 2; ; i++ {
			if name := fmt.Sprintf("%s%d", last, i); !used[name] {
				used[name] = true
				return name
			}
		}
	}
	l := locals{makers: make(map[*field]string), counts: make(map[*field]string)}
	l.children = pick("c", "children")
	l.ctx = pick("ctx", "life")
	if t.has(kindReplicas) {
		l.index = pick("i", "index")
	}
	if t.has(kindKeyed) {
		l.key = pick("key", "k")
	}
	l.observers = pick("observers")
	l.receiver = pick("f", "funcs")
	l.tree = pick(initial(t.Name), "tree")
	for _, f := range t.fields {
		switch {
		case f.Kind == kindNested:
			l.makers[f] = pick(lower(f.Name) + "Children")
		case f.isChild():
			l.makers[f] = pick("new" + upper(f.Name))
		}
		if f.asksCount() {
			l.counts[f] = pick("count" + upper(f.Name))
		}
	}
	return l
}

func (t *Tree) has(k kind) bool {
	return slices.ContainsFunc(t.fields, func(f *field) bool { return f.Kind == k })
}

// initial returns the first letter of a name in lower case.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r))
}

// chooseNames chooses the names of the packages that an output imports, and of the
// local variables in it.
func (p *Package) chooseNames(test bool) *importNames {
	trees := p.emitted(test)
	names := &importNames{byPath: make(map[string]*importedPackage), paths: make(map[string]string), params: make(map[string]bool)}
	for _, t := range trees {
		for _, param := range t.typeParams {
			names.params[param.Name] = true
		}
	}
	interfaces := p.emittedInterfaces(test)
	names.taken = func(name string) bool {
		return len(trees) > 0 && p.declares(trees[0].file, name) ||
			len(interfaces) > 0 && p.declares(interfaces[0].file, name)
	}
	used := make(map[string]bool)
	add := func(t sourceType) {
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
		for _, param := range t.typeParams {
			used[param.Name] = true
			add(param.Constraint)
		}
		for _, f := range t.fields {
			add(f.Type)
			if f.Tree != nil {
				used[f.Tree.constructorName()], used[f.Tree.childrenName()] = true, true
			}
		}
	}
	for _, i := range interfaces {
		for _, m := range i.methods {
			for _, c := range append(m.params[:len(m.params):len(m.params)], m.results...) {
				add(c.Type)
			}
		}
	}
	if len(interfaces) > 0 {
		for _, imp := range interfaceImports {
			names.add(imp)
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
