package debug

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A model is the tree on the page. It applies a delta like apply in model.js.
type model struct {
	rows map[string]row
	kids map[string][]string
}

func (m *model) apply(d delta) {
	for _, path := range d.Gone {
		m.drop(path)
	}
	for _, r := range d.Rows {
		if _, known := m.rows[r.Path]; !known && r.Parent != "" {
			m.kids[r.Parent] = append(m.kids[r.Parent], r.Path)
		}
		m.rows[r.Path] = r
	}
	maps.Copy(m.kids, d.Order)
}

func (m *model) drop(path string) {
	parent := m.rows[path].Parent
	m.kids[parent] = slices.DeleteFunc(slices.Clone(m.kids[parent]), func(p string) bool { return p == path })
	for _, below := range slices.Clone(m.kids[path]) {
		m.drop(below)
	}
	delete(m.rows, path)
	delete(m.kids, path)
}

// list returns the rows in the order of the page.
func (m *model) list(path string) []row {
	all := []row{m.rows[path]}
	for _, below := range m.kids[path] {
		all = append(all, m.list(below)...)
	}
	return all
}

// grow returns a random tree.
func grow(r *rand.Rand, name, path string, depth int) sup.SupervisorInfo {
	tree := sup.SupervisorInfo{Name: name, Path: path, Running: true, Uptime: time.Duration(1+r.IntN(3)) * time.Hour, Restarts: r.IntN(2)}
	for _, i := range r.Perm(6)[:r.IntN(6)] {
		c := sup.ChildInfo{ID: fmt.Sprintf("child/%d", i), State: sup.State(r.IntN(8)), Incarnation: 1 + r.IntN(2)}
		if depth > 0 && r.IntN(2) == 0 {
			below := grow(r, c.ID, sup.ChildPath(path, c.ID), depth-1)
			c.Kind, c.Supervisor = sup.KindSupervisor, &below
		}
		tree.Children = append(tree.Children, c)
	}
	return tree
}

func TestAppliedDeltasReproduceTheTree(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		var s sentTree
		page := &model{make(map[string]row), make(map[string][]string)}
		for step := range 20 {
			rows := rowsOf(grow(r, "top", "top", 3), time.Unix(1e9, 0))
			page.apply(s.update(rows))
			if d := cmp.Diff(rows, page.list("top"), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("seed %d, step %d: %s", seed, step, d)
			}
			if n := len(page.rows); n != len(rows) {
				t.Fatalf("seed %d, step %d: the page has %d rows, the tree %d", seed, step, n, len(rows))
			}
			if d := s.update(rows); !d.empty() {
				t.Fatalf("seed %d, step %d: delta without a change: %v", seed, step, d)
			}
		}
	}
}

// wide is a supervisor of n children.
func wide(n int) sup.SupervisorInfo {
	tree := sup.SupervisorInfo{Name: "wide", Path: "wide", Running: true, Uptime: time.Hour}
	for i := range n {
		tree.Children = append(tree.Children, sup.ChildInfo{ID: fmt.Sprintf("child-%05d", i), State: sup.StateRunning, Incarnation: 1, Since: time.Unix(1e9, 0)})
	}
	return tree
}

func TestADeltaHasOnlyTheChangedOfTenThousandChildren(t *testing.T) {
	tree := wide(10_000)
	var s sentTree
	if d := s.update(rowsOf(tree, time.Unix(2e9, 0))); len(d.Rows) != 10_001 {
		t.Errorf("%d rows at first", len(d.Rows))
	}
	tree.Children[4711].Incarnation++
	tree.Children = append(tree.Children[:17:17], tree.Children[18:]...)
	tree.Uptime += 10 * time.Millisecond // within the jitter
	d := s.update(rowsOf(tree, time.Unix(2e9, 0)))
	if len(d.Rows) != 1 || d.Rows[0].Path != "wide/child-04711" || !slices.Equal(d.Gone, []string{"wide/child-00017"}) || d.Order != nil {
		t.Errorf("%d rows, %d gone, %d in another order", len(d.Rows), len(d.Gone), len(d.Order))
	}
}

func TestADeltaHasTheNewOrderOfMovedChildren(t *testing.T) {
	tree := wide(3)
	var s sentTree
	s.update(rowsOf(tree, time.Unix(2e9, 0)))
	tree.Children = append(tree.Children[1:], tree.Children[0])
	d := s.update(rowsOf(tree, time.Unix(2e9, 0)))
	want := map[string][]string{"wide": {"wide/child-00001", "wide/child-00002", "wide/child-00000"}}
	if diff := cmp.Diff(want, d.Order); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkUpdateOfTenThousandRows(b *testing.B) {
	tree := wide(10_000)
	var s sentTree
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tree.Children[i%len(tree.Children)].Incarnation++
		s.update(rowsOf(tree, time.Unix(2e9, 0)))
	}
}
