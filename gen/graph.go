package gen

import (
	"fmt"
	"io"
	"strings"
)

// A GraphFormat is a way to draw trees.
type GraphFormat string

// The formats of [Loader.Graph].
const (
	Text    GraphFormat = "text"    // a line for each child
	DOT     GraphFormat = "dot"     // for graphviz
	Mermaid GraphFormat = "mermaid" // a flowchart
)

// node is a supervisor, a child, or what children share, in a drawing of trees.
type node struct {
	label string
	kind  Kind // Embed for the root of a tree
	below []*node
}

// Graph draws the trees of packages without faults, with what is nested in
// them, as far as it is of the same module.
func (l *Loader) Graph(w io.Writer, format GraphFormat, packages []*Package) error {
	var roots []*node
	for _, p := range packages {
		for _, t := range p.Trees {
			roots = append(roots, &node{join(t.ID, t.summary()), Embed, l.nodes(p, t, nil)})
		}
	}
	var b strings.Builder
	switch format {
	case DOT:
		drawDOT(&b, roots)
	case Mermaid:
		drawMermaid(&b, roots)
	default:
		for i, root := range roots {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(root.label + "\n")
			root.drawText(&b, "")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// nodes returns what is in a tree. The trees above it are left out, should a
// faulty package have led to them again.
func (l *Loader) nodes(p *Package, t *Tree, above []*Tree) []*node {
	for _, other := range above {
		if other == t {
			return nil
		}
	}
	var all []*node
	for _, f := range t.Fields {
		if !f.isChild() && !f.isShared() {
			continue
		}
		n := &node{label: f.summary(), kind: f.Kind}
		if f.Kind == Nested {
			in, nested := p, f.Tree
			if nested == nil && l != nil {
				in, nested = l.loadForeign(p, f)
			}
			if nested != nil {
				n.label = join(f.ID+" "+f.Type.Text, nested.summary(), f.Policy.summary())
				n.below = l.nodes(in, nested, append(above, t))
			}
		}
		all = append(all, n)
	}
	return all
}

// loadForeign returns the tree of another package that a field holds, and the
// package, if they can be had.
func (l *Loader) loadForeign(from *Package, f *Field) (*Package, *Tree) {
	dir, ok := l.dirOf(from, f.Import)
	if !ok {
		return nil, nil
	}
	p, faults, err := l.Load(dir)
	if err != nil || len(faults) > 0 {
		return nil, nil
	}
	for _, t := range p.Trees {
		if t.Name == f.TreeName && !t.test {
			return p, t
		}
	}
	return nil, nil
}

// Draw draws the tree as text, with the nested trees of the same package: a
// line for each child and for the state and the mailboxes that the children share.
func (t *Tree) Draw() string {
	root := &node{below: (*Loader)(nil).nodes(nil, t, nil)}
	var b strings.Builder
	b.WriteString(join(t.ID, t.summary()) + "\n")
	root.drawText(&b, "")
	return b.String()
}

func (n *node) drawText(b *strings.Builder, indent string) {
	for i, c := range n.below {
		branch, below := "├── ", "│   "
		if i == len(n.below)-1 {
			branch, below = "└── ", "    "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, branch, c.label)
		c.drawText(b, indent+below)
	}
}

// walkNodes calls f with every node and a number for it and the one above it, which
// is -1 for a root.
func walkNodes(roots []*node, f func(n *node, id, above int)) {
	next := 0
	var visit func(n *node, above int)
	visit = func(n *node, above int) {
		id := next
		next++
		f(n, id, above)
		for _, c := range n.below {
			visit(c, id)
		}
	}
	for _, root := range roots {
		visit(root, -1)
	}
}

func drawDOT(b *strings.Builder, roots []*node) {
	shapes := map[Kind]string{Embed: "box", Nested: "box", Keyed: "box3d", Replicas: "box3d", State: "cylinder", Mailbox: "cds", Child: "ellipse"}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ")
	b.WriteString("digraph supervision {\n\trankdir=LR\n")
	walkNodes(roots, func(n *node, id, above int) {
		fmt.Fprintf(b, "\tn%d [shape=%s, label=\"%s\"]\n", id, shapes[n.kind], escape.Replace(n.label))
		if above >= 0 {
			fmt.Fprintf(b, "\tn%d -> n%d\n", above, id)
		}
	})
	b.WriteString("}\n")
}

func drawMermaid(b *strings.Builder, roots []*node) {
	shapes := map[Kind][2]string{Embed: {"[", "]"}, Nested: {"[", "]"}, Keyed: {"[[", "]]"}, Replicas: {"[[", "]]"},
		State: {"[(", ")]"}, Mailbox: {">", "]"}, Child: {"(", ")"}}
	escape := strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "`", "#96;", "\n", " ")
	b.WriteString("flowchart LR\n")
	walkNodes(roots, func(n *node, id, above int) {
		shape := shapes[n.kind]
		fmt.Fprintf(b, "\tn%d%s\"%s\"%s\n", id, shape[0], escape.Replace(n.label), shape[1])
		if above >= 0 {
			fmt.Fprintf(b, "\tn%d --> n%d\n", above, id)
		}
	})
}
