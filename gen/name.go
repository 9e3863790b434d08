package gen

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// upper makes the first letter of a name a capital.
func upper(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[size:]
}

// lower makes the first word of a name small: httpServer. Letters are counted,
// as a small one can be of more bytes than its capital.
func lower(name string) string {
	bare := strings.TrimLeft(name, "_")
	if first, _ := utf8.DecodeRuneInString(bare); !unicode.IsLetter(first) {
		return name // which is none without its underscore
	}
	word := words(bare)[0]
	return word + string([]rune(bare)[utf8.RuneCountInString(word):])
}

// The names of what is generated for a tree are exported if the tree is.
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

// The methods of the interface of constructors are exported whatever the field
// is, so that other packages can implement it. Not every name becomes exported
// by a capital: there are none of _ and 世.
func (f *Field) makerName() string {
	switch name := upper(f.Name); {
	case f.Kind != Nested:
		return "New" + name
	case ast.IsExported(name):
		return name
	default:
		return "Tree" + name
	}
}

func (f *Field) countName() string { return "Count" + upper(f.Name) }

// asksCount reports whether the number of replicas is for a method to say.
func (f *Field) asksCount() bool { return f.Kind == Replicas && f.policy["count"].option == nil }

// methods are those that a field needs in the interface of constructors.
func (f *Field) methods() []string {
	switch {
	case !f.isChild():
		return nil
	case f.asksCount():
		return []string{f.makerName(), f.countName()}
	}
	return []string{f.makerName()}
}

// locals are the names of parameters and variables in the functions that are
// generated for a tree.
type locals struct {
	children, tree, observers, ctx, key, index, receiver string
	makers, counts                                       map[*Field]string // parameters of the adaptor
}

// chooseLocals picks names that hide nothing that the functions use.
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
	l := locals{makers: make(map[*Field]string), counts: make(map[*Field]string)}
	l.children = pick("c", "children")
	l.ctx = pick("ctx", "life")
	if t.has(Replicas) {
		l.index = pick("i", "index")
	}
	if t.has(Keyed) {
		l.key = pick("key", "k")
	}
	l.observers = pick("observers")
	l.receiver = pick("f", "funcs")
	l.tree = pick(initial(t.Name), "tree")
	for _, f := range t.Fields {
		switch {
		case f.Kind == Nested:
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

func (t *Tree) has(k Kind) bool {
	return slices.ContainsFunc(t.Fields, func(f *Field) bool { return f.Kind == k })
}

// initial is the first letter of a name, a small one.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r))
}
