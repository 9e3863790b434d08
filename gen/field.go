package gen

import (
	"go/ast"
	"go/token"
	"strings"
)

// parseField returns the fields that one line of a struct declares.
func (p *Package) parseField(t *Tree, decl *ast.Field) []*Field {
	f := t.file
	if isDeep(decl.Type) {
		p.fault(decl.Type.Pos(), "declare a type for a part of it", "a type is nested more than %d levels deep", mostNested)
		return nil
	}
	proto := Field{expr: decl.Type, pos: decl.Type.Pos(), Type: p.typeText(f, decl.Type)}
	if decl.Tag != nil {
		proto.rawTag = decl.Tag.Value
		proto.tag = f.tagOf(p, decl.Tag)
	}
	r, named := f.reference(decl.Type)
	if len(decl.Names) == 0 {
		proto.Name, proto.embedded = r.name, true
	}
	if !proto.tag.skip {
		if problem := p.classify(t, &proto, r, named); problem.message != "" {
			p.fault(decl.Type.Pos(), problem.hint, "%s", problem.message)
			proto.Kind = Other
		} else {
			p.readTag(t, &proto)
		}
		if !proto.tag.present {
			p.checkKey(f, proto.Kind, f.tagIn(p, decl))
		}
	}
	if proto.embedded {
		return []*Field{&proto}
	}
	var fields []*Field
	for _, name := range decl.Names {
		field := proto
		field.Name, field.pos, field.ID = name.Name, name.Pos(), snake(name.Name)
		if id := optionValue[string](proto.options, "name"); id != "" {
			field.ID = id
		}
		fields = append(fields, &field)
	}
	return fields
}

// problem is a fault whose place is known.
type problem struct{ message, hint string }

// classify says what a field is, from its type.
func (p *Package) classify(t *Tree, f *Field, r reference, named bool) problem {
	if !named {
		return p.leaveAlone(f)
	}
	local := p.byName[t.file.inPackage(r.name)]
	if r.pkg != "" {
		local = nil
	}
	switch {
	case r.path() == supPath && r.name == "Tree" && f.embedded:
		f.Kind = Embed
		return problem{}
	case r.path() == supPath && len(r.args) > 0:
		return p.classifyChild(t, f, r)
	case r.path() == kvPath && r.name == "Context" && !r.star && !f.embedded:
		if f.tag.present {
			return problem{"a kv.Context is no child, and has no options", "take the tag away"}
		}
		f.Kind = State
		return problem{}
	case r.path() == mailboxPath && r.name == "Mailbox":
		return p.classifyMailbox(f, r)
	case local != nil && f.embedded:
		return problem{"a nested tree cannot be embedded, its methods would hide those of sup.Tree", "give the field a name"}
	case local != nil && !r.star:
		return problem{r.name + " is a tree, and held by value", "write *" + r.name}
	case local != nil:
		f.Kind, f.Tree, f.TreeName = Nested, local, local.Name
	case r.pkg != "" && r.star && f.tag.present && !f.embedded && r.path() != supPath && r.path() != kvPath:
		f.Kind, f.TreeName, f.Import = Nested, r.name, r.imp
	default:
		return p.leaveAlone(f)
	}
	f.Args = p.arguments(t.file, r.args)
	return problem{}
}

// classifyMailbox is classify for a mailbox. One without a tag is left alone
// where it is not the tree's.
func (p *Package) classifyMailbox(f *Field, r reference) problem {
	switch {
	case !r.star && !f.embedded:
		f.Kind = Mailbox
		return problem{}
	case !f.tag.present:
		return p.leaveAlone(f)
	case r.star:
		return problem{"a mailbox.Mailbox of a tree is held by value", "take the star away, or the tag"}
	}
	return problem{"a mailbox.Mailbox with a tag cannot be embedded", "give the field a name"}
}

// classifyChild is classify for the types of sup.
func (p *Package) classifyChild(t *Tree, f *Field, r reference) problem {
	kinds := map[string]Kind{"Child": Child, "Keyed": Keyed, "Replicas": Replicas}
	kind, ok := kinds[r.name]
	want := 1
	if kind == Keyed {
		want = 2
	}
	switch {
	case !ok:
		return p.leaveAlone(f)
	case r.star:
		return problem{"a sup." + r.name + " is held by value in a tree",
			"take the star away, or leave the field out of the tree with `sup:\"-\"`"}
	case f.embedded:
		return problem{"a child cannot be embedded, its methods would hide those of sup.Tree", "give the field a name"}
	case len(r.args) != want:
		form := map[Kind]string{Child: "sup.Child[Worker]", Keyed: "sup.Keyed[Key, Worker]", Replicas: "sup.Replicas[Worker]"}
		return problem{"sup." + r.name + " has the wrong number of types", "write " + form[kind]}
	}
	f.Kind = kind
	f.Worker = p.typeText(t.file, r.args[want-1])
	if kind == Keyed {
		f.Key = p.typeText(t.file, r.args[0])
	}
	return problem{}
}

// leaveAlone is for fields that are no children, and have no tag that says so.
func (p *Package) leaveAlone(f *Field) problem {
	broken := len(f.tag.faults) > 0 && strings.Contains(f.rawTag, "sup")
	if !f.tag.present && !broken {
		f.tag = tag{}
		return problem{}
	}
	return problem{"the field has a tag for supgen, but is no child",
		"children are sup.Child, sup.Keyed, sup.Replicas and pointers to trees that supgen generates"}
}

// arguments copies the type arguments of a nested tree, brackets included.
func (p *Package) arguments(f *file, args []ast.Expr) Type {
	var all Type
	for i, arg := range args {
		sep := ", "
		if i == 0 {
			sep = "["
		}
		one := p.typeText(f, arg)
		all.parts = append(append(all.parts, part{text: sep}), one.parts...)
		all.Text += sep + one.Text
	}
	if len(args) > 0 {
		all.parts = append(all.parts, part{text: "]"})
		all.Text += "]"
	}
	return all
}

var scopes = map[Kind]scope{
	Embed:    onTree | asDefault,
	Child:    onChild,
	Keyed:    onKeyed,
	Replicas: onReplicas,
	Nested:   onNested,
	Mailbox:  onMailbox,
}

// readTag reads the options of a field, and those of the tree.
func (p *Package) readTag(t *Tree, f *Field) {
	scope, ok := scopes[f.Kind]
	if !ok {
		return
	}
	f.options = p.readOptions(t.file, f.tag, scope)
	if f.Kind != Embed {
		return
	}
	t.options, t.defaults = make(options), make(options)
	for group, set := range f.options {
		if set.option.on&onTree != 0 {
			t.options[group] = set
		} else {
			t.defaults[group] = set
		}
	}
}

// place is the position of a fault about a group of options: the option in the tag of
// the field or of the tree, or else the field.
func (t *Tree) place(f *Field, group string) token.Pos {
	if set, ok := f.options[group]; ok {
		return set.pos
	}
	if set, ok := t.defaults[group]; ok {
		return set.pos
	}
	return f.pos
}
