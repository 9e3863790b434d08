package gen

import (
	"go/ast"
	"go/token"
)

// A Package is what was read of a directory: the trees in it, in the order of
// the source.
type Package struct {
	Dir   string
	Name  string // of the package that the trees are in; tests may have another
	Trees []*Tree

	src      *source
	declared map[string]token.Position // by the files of the package, at package level or by an import
	byName   map[string]*Tree
	types    map[string]typeDecl
	runs     map[string]bool          // types with the method of a worker
	held     map[*ast.TypeSpec]string // the child that a declared type has in it, see holds
	strays   []stray
	names    map[bool]*importNames // for each of the two outputs, true being that of the tests
	faults   []Fault
}

// A Tree is a struct that embeds sup.Tree.
type Tree struct {
	Name   string // of the type
	ID     string
	Fields []*Field // all of them
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

// A Kind says what a field of a tree is.
type Kind uint8

// The kinds of fields.
const (
	Other Kind = iota // left alone
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
	Key      Type // of a Keyed
	Worker   Type // of a Child, Keyed or Replicas
	Tree     *Tree
	TreeName string // of a nested tree, without its package
	Import   *Import
	Args     Type // of a nested generic tree, with the brackets

	embedded bool
	rawTag   string // as in the source, with its quotes; "" if there is none
	tag      tag
	options  options // of its tag
	policy   options // with the defaults of the tree
	pos      token.Pos
	expr     ast.Expr
}

// isChild reports whether a field is one, or a set of them.
func (f *Field) isChild() bool {
	return f.Kind == Child || f.Kind == Keyed || f.Kind == Replicas || f.Kind == Nested
}

// isShared reports whether a field is state or a mailbox, which belong to the
// tree and to no child.
func (f *Field) isShared() bool { return f.Kind == State || f.Kind == Mailbox }

// A Type is the text of a type, or of another piece of source, cut where it
// names a package.
type Type struct {
	parts []part
	Text  string // as it stands in the source, on one line
}

// part is a piece of text, or a name of another package.
type part struct {
	text string
	imp  *Import // nil for text
}

// An Import is a package that a type names.
type Import struct {
	Path  string
	Name  string // that the source has for it
	Named bool   // the name stands in the import declaration
}
