package gen

import (
	"go/ast"
	"go/token"
)

// A Package is the trees in a directory.
type Package struct {
	Dir   string
	Name  string  // of the package; that of an external test may differ
	Trees []*Tree // in source order

	src      *source
	declared map[string]token.Position // names declared at package level
	byName   map[string]*Tree
	types    map[string]typeDecl
	runs     map[string]bool          // types with the Run method of a worker
	held     map[*ast.TypeSpec]string // cache of holds
	nonTrees []nonTree
	names    map[bool]*importNames // for each output; true is that of the tests
	faults   []Fault
}

// A Tree is a struct that embeds sup.Tree.
type Tree struct {
	Name   string // of the type
	ID     string
	Fields []*Field // including those that are ignored
	Params []Param  // of a generic tree

	file     *file
	pos      token.Pos
	test     bool    // declared in a _test.go file
	options  options // of the tree itself
	defaults options // for its children
	locals   locals
}

// A Param is a type parameter.
type Param struct {
	Name       string
	Constraint Type
}

// A Kind is what a field of a tree stands for.
type Kind uint8

// The kinds of fields.
const (
	Other Kind = iota // ignored
	Embed             // the embedded sup.Tree
	Child
	Keyed
	Replicas
	Nested
	State
	Mailbox
)

// A Field is a field of a tree.
type Field struct {
	Name     string
	Kind     Kind
	Type     Type
	ID       string
	Key      Type    // of a Keyed
	Worker   Type    // of a Child, Keyed or Replicas
	Tree     *Tree   // of a Nested in this package
	TreeName string  // of a Nested, without its package
	Import   *Import // of a Nested in another package
	Args     Type    // of a generic Nested, with the brackets

	embedded bool
	rawTag   string // in the source, with quotes; "" if there is none
	tag      tag
	options  options // of its tag
	policy   options // with the defaults of the tree
	pos      token.Pos
	expr     ast.Expr
}

// isChild reports whether a field is a child, a set of children, or a nested tree.
func (f *Field) isChild() bool {
	return f.Kind == Child || f.Kind == Keyed || f.Kind == Replicas || f.Kind == Nested
}

// isShared reports whether a field is state or a mailbox, which the children share.
func (f *Field) isShared() bool { return f.Kind == State || f.Kind == Mailbox }

// A Type is the source text of a type, split where it names a package.
type Type struct {
	parts []part
	Text  string // in the source, on one line
}

// part is a piece of text, or a qualified name.
type part struct {
	text string
	imp  *Import // nil for text
}

// An Import is a package that a type refers to.
type Import struct {
	Path  string
	Name  string // in the source
	Named bool   // set if the import declaration has the name
}
