package gen

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// A GraphFormat is the format of a drawing.
type GraphFormat string

const (
	// Text is a drawing with one line for each child.
	Text GraphFormat = "text"
	// DOT is a directed graph in the language of Graphviz.
	DOT GraphFormat = "dot"
	// Mermaid is a Mermaid flowchart.
	Mermaid GraphFormat = "mermaid"
)

// node is a supervisor, a child, or shared state in a drawing.
type node struct {
	label string
	kind  kind // Embed for the root of a tree
	below []*node
}

// Graph draws the trees of packages without faults. A nested tree of the same module is
// drawn with its children.
func (l *Loader) Graph(w io.Writer, format GraphFormat, packages []*Package) error {
	var roots []*node
	d := newDrawing(l, format)
	for _, p := range packages {
		for _, t := range p.Trees {
			roots = append(roots, d.root(p, t))
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

// Limits of a drawing. Forty trees, each of which holds the next one twice, would have
// more nodes than memory holds.
const (
	maxNodes = 1000 // in one tree; a larger one shows each nested tree once
	maxDepth = 32   // of nested trees in text
)

// A drawing converts trees to nodes.
type drawing struct {
	loader *Loader       // nil if nested trees of other packages are not drawn
	depth  int           // limit for nested trees
	sizes  map[*Tree]int // nodes below a tree, maxNodes+1 for more
	once   bool          // draw each nested tree once
	drawn  map[*Tree]bool
}

func newDrawing(l *Loader, format GraphFormat) *drawing {
	d := &drawing{loader: l, depth: math.MaxInt, sizes: make(map[*Tree]int)}
	if format == Text {
		d.depth = maxDepth // each level makes the lines longer
	}
	return d
}

func (d *drawing) root(p *Package, t *Tree) *node {
	d.once, d.drawn = d.size(p, t) > maxNodes, map[*Tree]bool{t: true}
	return &node{join(t.ID, t.options.String()), kindEmbed, d.below(p, t, 0)}
}

// nested returns the tree that a field holds and its package, or nil if the tree is in
// another module.
func (d *drawing) nested(p *Package, f *field) (*Package, *Tree) {
	switch {
	case f.Kind != kindNested:
		return nil, nil
	case f.Tree == nil && d.loader != nil:
		return d.loader.loadForeign(p, f)
	}
	return p, f.Tree
}

// size returns the number of nodes below a tree, maxNodes+1 if there are more. It
// visits each tree once. A tree that contains itself, as in a faulty package, has too
// many.
func (d *drawing) size(p *Package, t *Tree) int {
	if n, known := d.sizes[t]; known {
		return n
	}
	d.sizes[t] = maxNodes + 1 // for a tree below that contains t
	n := 0
	for _, f := range t.fields {
		if !f.isChild() && !f.isShared() {
			continue
		}
		n++
		if in, nested := d.nested(p, f); nested != nil {
			n += d.size(in, nested)
		}
		n = min(n, maxNodes+1)
	}
	d.sizes[t] = n
	return n
}

// below returns the nodes below a tree at a depth.
func (d *drawing) below(p *Package, t *Tree, depth int) []*node {
	var all []*node
	for _, f := range t.fields {
		if !f.isChild() && !f.isShared() {
			continue
		}
		n := &node{label: f.summary(), kind: f.Kind}
		if in, nested := d.nested(p, f); nested != nil {
			n.label = join(f.ID+" "+f.Type.Text, nested.options.String(), f.policy.String())
			switch {
			case depth >= d.depth && d.size(in, nested) > 0:
				n.label = join(n.label, "…")
			case d.once && d.drawn[nested]:
				n.label = join(n.label, "… as above")
			default:
				d.drawn[nested] = true
				n.below = d.below(in, nested, depth+1)
			}
		}
		all = append(all, n)
	}
	return all
}

// loadForeign returns the tree of another package that a field holds and the package,
// or nil if the package is in another module or has faults.
func (l *Loader) loadForeign(from *Package, f *field) (*Package, *Tree) {
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

// Draw returns a drawing of the tree as text, with one line for each child, state and
// mailbox. A nested tree of the same package is drawn with its children.
func (t *Tree) Draw() string {
	root := newDrawing(nil, Text).root(nil, t)
	var b strings.Builder
	b.WriteString(join(t.ID, t.options.String()) + "\n")
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

// eachNode calls f with every node, its number and the number of its parent. The parent
// of a root is -1.
func eachNode(roots []*node, f func(n *node, id, parent int)) {
	next := 0
	var visit func(n *node, parent int)
	visit = func(n *node, parent int) {
		id := next
		next++
		f(n, id, parent)
		for _, c := range n.below {
			visit(c, id)
		}
	}
	for _, root := range roots {
		visit(root, -1)
	}
}

func drawDOT(b *strings.Builder, roots []*node) {
	shapes := map[kind]string{kindEmbed: "box", kindNested: "box", kindKeyed: "box3d", kindReplicas: "box3d", kindState: "cylinder", kindMailbox: "cds", kindChild: "ellipse"}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ")
	b.WriteString("digraph supervision {\n\trankdir=LR\n")
	eachNode(roots, func(n *node, id, parent int) {
		fmt.Fprintf(b, "\tn%d [shape=%s, label=\"%s\"]\n", id, shapes[n.kind], escape.Replace(n.label))
		if parent >= 0 {
			fmt.Fprintf(b, "\tn%d -> n%d\n", parent, id)
		}
	})
	b.WriteString("}\n")
}

func drawMermaid(b *strings.Builder, roots []*node) {
	shapes := map[kind][2]string{kindEmbed: {"[", "]"}, kindNested: {"[", "]"}, kindKeyed: {"[[", "]]"}, kindReplicas: {"[[", "]]"},
		kindState: {"[(", ")]"}, kindMailbox: {">", "]"}, kindChild: {"(", ")"}}
	escape := strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "`", "#96;", "\n", " ")
	b.WriteString("flowchart LR\n")
	eachNode(roots, func(n *node, id, parent int) {
		shape := shapes[n.kind]
		fmt.Fprintf(b, "\tn%d%s\"%s\"%s\n", id, shape[0], escape.Replace(n.label), shape[1])
		if parent >= 0 {
			fmt.Fprintf(b, "\tn%d --> n%d\n", parent, id)
		}
	})
}
