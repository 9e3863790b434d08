package gen

import (
	"go/ast"
	"go/token"
)

// A Package has the trees of the package in a directory.
type Package struct {
	Dir   string  // as passed to Load
	Name  string  // of the package; that of an external test may differ
	Trees []*Tree // those to generate, in source order
	// Interfaces are those marked //sup:plugin, in source order.
	Interfaces []*pluginInterface

	src      *source
	declared map[string]token.Position // names declared at package level
	byName   map[string]*Tree
	types    map[string]typeDecl
	runs     map[string]bool // types with the Run method of a worker
	marked   map[string]*pluginInterface
	marshals map[string]bool          // types that encode themselves
	held     map[*ast.TypeSpec]string // cache of holds
	nonTrees []nonTree
	names    map[bool]*importNames // for each output; true is that of the tests
	faults   []Fault
}

// A Tree is a struct that embeds sup.Tree.
type Tree struct {
	Name       string      // of the type
	ID         string      // name of the supervisor
	fields     []*field    // including those that are ignored
	typeParams []typeParam // of a generic tree

	file     *file
	pos      token.Pos
	test     bool    // declared in a _test.go file
	options  options // of the tree itself
	defaults options // for its children
	locals   locals
}

// typeParam is a type parameter of a generic tree.
type typeParam struct {
	Name       string
	Constraint sourceType
}

// kind is what a field of a tree stands for.
type kind uint8

const (
	kindOther    kind = iota // ignored
	kindEmbed                // the embedded sup.Tree
	kindChild                // sup.Child
	kindKeyed                // sup.Keyed
	kindReplicas             // sup.Replicas
	kindNested               // a pointer to a tree
	kindState                // kv.Context
	kindMailbox              // mailbox.Mailbox
)

// field is a field of a tree.
type field struct {
	Name     string
	Kind     kind
	Type     sourceType
	ID       string
	Key      sourceType       // of a keyed set
	Worker   sourceType       // of a worker or a set of workers
	Tree     *Tree            // of a nested tree in this package
	TreeName string           // of a nested tree, without its package
	Import   *importedPackage // of a nested tree in another package
	Args     sourceType       // of a generic nested tree, with the brackets

	embedded bool
	rawTag   string // in the source, with quotes; "" if there is none
	tag      tag
	options  options // of its tag
	policy   options // with the defaults of the tree
	pos      token.Pos
	expr     ast.Expr
}

// isChild reports whether a field is a child, a set of children, or a nested tree.
func (f *field) isChild() bool {
	return f.Kind == kindChild || f.Kind == kindKeyed || f.Kind == kindReplicas || f.Kind == kindNested
}

// isShared reports whether a field is state or a mailbox, which the children share.
func (f *field) isShared() bool { return f.Kind == kindState || f.Kind == kindMailbox }

// sourceType is the source text of a type, split where it names a package.
type sourceType struct {
	parts []part
	Text  string // in the source, on one line
}

// part is a piece of text, or a qualified name.
type part struct {
	text string
	imp  *importedPackage // nil for text
}

// importedPackage is a package that a type refers to.
type importedPackage struct {
	Path  string
	Name  string // in the source
	Named bool   // set if the import declaration has the name
}
