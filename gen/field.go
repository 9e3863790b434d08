package gen

import (
	"go/ast"
	"go/token"
	"strings"
)

// parseField returns the fields of one field declaration, which can have several names.
func (p *Package) parseField(t *Tree, decl *ast.Field) []*field {
	f := t.file
	if isDeep(decl.Type) {
		p.fault(decl.Type.Pos(), "declare a type for a part of it", "a type is nested more than %d levels deep", maxNested)
		return nil
	}
	proto := field{expr: decl.Type, pos: decl.Type.Pos(), Type: p.typeText(f, decl.Type)}
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
			proto.Kind = kindOther
		} else {
			p.readTag(t, &proto)
		}
		if !proto.tag.present {
			p.checkKey(f, proto.Kind, f.tagIn(p, decl))
		}
	}
	if proto.embedded {
		return []*field{&proto}
	}
	var fields []*field
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

// problem is a fault at the type of a field.
type problem struct{ message, hint string }

// classify sets the kind of a field by its type.
func (p *Package) classify(t *Tree, f *field, r reference, named bool) problem {
	if !named {
		return p.ignore(f)
	}
	local := p.byName[t.file.inPackage(r.name)]
	if r.pkg != "" {
		local = nil
	}
	switch {
	case r.path() == supPath && r.name == "Tree" && f.embedded:
		f.Kind = kindEmbed
		return problem{}
	case r.path() == supPath && len(r.args) > 0:
		return p.classifyChild(t, f, r)
	case r.path() == kvPath && r.name == "Context" && !r.star && !f.embedded:
		if f.tag.present {
			return problem{"a kv.Context takes no options", "remove the tag"}
		}
		f.Kind = kindState
		return problem{}
	case r.path() == mailboxPath && r.name == "Mailbox":
		return p.classifyMailbox(f, r)
	case local != nil && f.embedded:
		return problem{"an embedded nested tree would hide the methods of sup.Tree", "give the field a name"}
	case local != nil && !r.star:
		return problem{"the nested tree " + r.name + " is not a pointer", "write *" + r.name}
	case local != nil:
		f.Kind, f.Tree, f.TreeName = kindNested, local, local.Name
	case r.pkg != "" && r.star && f.tag.present && !f.embedded && r.path() != supPath && r.path() != kvPath:
		f.Kind, f.TreeName, f.Import = kindNested, r.name, r.imp
	default:
		return p.ignore(f)
	}
	f.Args = p.arguments(t.file, r.args)
	return problem{}
}

// classifyMailbox is classify for a mailbox. A mailbox that is embedded or a pointer is
// ignored unless it has a tag.
func (p *Package) classifyMailbox(f *field, r reference) problem {
	switch {
	case !r.star && !f.embedded:
		f.Kind = kindMailbox
		return problem{}
	case !f.tag.present:
		return p.ignore(f)
	case r.star:
		return problem{"a mailbox.Mailbox with a tag cannot be a pointer", "remove the star or the tag"}
	}
	return problem{"a mailbox.Mailbox with a tag cannot be embedded", "give the field a name"}
}

// childTypes are the child types of package sup.
var childTypes = map[string]struct {
	kind kind
	args int // type arguments
	form string
}{
	"Child":    {kindChild, 1, "sup.Child[Worker]"},
	"Keyed":    {kindKeyed, 2, "sup.Keyed[Key, Worker]"},
	"Replicas": {kindReplicas, 1, "sup.Replicas[Worker]"},
}

// classifyChild is classify for the types of sup.
func (p *Package) classifyChild(t *Tree, f *field, r reference) problem {
	typ, ok := childTypes[r.name]
	switch {
	case !ok:
		return p.ignore(f)
	case r.star:
		return problem{"a sup." + r.name + " in a tree cannot be a pointer",
			"remove the star, or exclude the field with `sup:\"-\"`"}
	case f.embedded:
		return problem{"an embedded child would hide the methods of sup.Tree", "give the field a name"}
	case len(r.args) != typ.args:
		return problem{"sup." + r.name + " has the wrong number of type arguments", "write " + typ.form}
	}
	f.Kind = typ.kind
	f.Worker = p.typeText(t.file, r.args[typ.args-1])
	if f.Kind == kindKeyed {
		f.Key = p.typeText(t.file, r.args[0])
	}
	return problem{}
}

// ignore is classify for a field that is not a child. It reports a tag for supgen.
func (p *Package) ignore(f *field) problem {
	broken := len(f.tag.faults) > 0 && strings.Contains(f.rawTag, "sup")
	if !f.tag.present && !broken {
		f.tag = tag{}
		return problem{}
	}
	return problem{"the field has a sup tag, but is not a child",
		"children are sup.Child, sup.Keyed, sup.Replicas and pointers to trees"}
}

// arguments returns the type arguments of a nested tree, with the brackets.
func (p *Package) arguments(f *file, args []ast.Expr) sourceType {
	var all sourceType
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

var scopes = map[kind]scope{
	kindEmbed:    onTree | asDefault,
	kindChild:    onChild,
	kindKeyed:    onKeyed,
	kindReplicas: onReplicas,
	kindNested:   onNested,
	kindMailbox:  onMailbox,
}

// readTag reads the options of a field. Those of the embedded sup.Tree are options of
// the tree and defaults for its children.
func (p *Package) readTag(t *Tree, f *field) {
	scope, ok := scopes[f.Kind]
	if !ok {
		return
	}
	f.options = p.readOptions(t.file, f.tag, scope)
	if f.Kind != kindEmbed {
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
func (t *Tree) place(f *field, group string) token.Pos {
	if set, ok := f.options[group]; ok {
		return set.pos
	}
	if set, ok := t.defaults[group]; ok {
		return set.pos
	}
	return f.pos
}
