package debug

import (
	"maps"
	"slices"
)

// A shown is the tree as a page has it: its rows, parents before their children
// and children in order.
type shown struct{ rows []row }

// A delta is what changes it.
type delta struct {
	Rows  []row               `json:"rows,omitempty"`  // new or changed; what is new comes after its siblings
	Gone  []string            `json:"gone,omitempty"`  // with everything below
	Order map[string][]string `json:"order,omitempty"` // where it is not what Gone and Rows make it
}

func (d delta) empty() bool { return len(d.Rows)+len(d.Gone)+len(d.Order) == 0 }

// jitter is how far two reckonings of when a supervisor came up may be apart, in
// ms: it is told by its uptime, and the time between the two readings of the
// clock differs.
const jitter = 50

// update makes the tree that the page has the one that rows are, and returns
// what that takes. It keeps rows.
func (s *shown) update(rows []row) delta {
	before := s.rows
	s.rows = rows
	if !samePaths(before, rows) {
		return between(before, rows)
	}
	var d delta
	for i := range rows {
		if rows[i].differs(&before[i]) {
			d.Rows = append(d.Rows, rows[i])
		}
	}
	return d
}

// samePaths reports whether the rows are of the same children, in the same
// order, as they are most of the time.
func samePaths(a, b []row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Path != b[i].Path {
			return false
		}
	}
	return true
}

// differs reports whether a row has changed, but for a jitter, which it takes
// back.
func (r *row) differs(old *row) bool {
	if up := r.Life.Up; up != 0 && abs(old.Life.Up-up) < jitter {
		r.Life.Up = old.Life.Up
		if r.Since == up { // that of the top is the same
			r.Since = old.Since
		}
	}
	return *r != *old
}

// between is the delta of two trees of which not all rows are of the same
// children.
func between(before, rows []row) delta {
	var d delta
	old, now := byPath(before), byPath(rows)
	for i := range rows {
		if was := old[rows[i].Path]; was == nil || rows[i].differs(was) {
			d.Rows = append(d.Rows, rows[i])
		}
	}
	for _, r := range before {
		if now[r.Path] == nil && (r.Parent == "" || now[r.Parent] != nil) {
			d.Gone = append(d.Gone, r.Path)
		}
	}
	had, order := children(before), children(rows)
	for _, parent := range slices.Sorted(maps.Keys(order)) {
		if !slices.Equal(order[parent], expected(had[parent], order[parent], old, now)) {
			if d.Order == nil {
				d.Order = make(map[string][]string)
			}
			d.Order[parent] = order[parent]
		}
	}
	return d
}

// expected is the order that a page which is told of what is gone and what is
// new makes of the children of a supervisor.
func expected(had, order []string, old, now map[string]*row) []string {
	made := make([]string, 0, len(order))
	for _, path := range had {
		if now[path] != nil {
			made = append(made, path)
		}
	}
	for _, path := range order {
		if old[path] == nil {
			made = append(made, path)
		}
	}
	return made
}

func byPath(rows []row) map[string]*row {
	all := make(map[string]*row, len(rows))
	for i := range rows {
		all[rows[i].Path] = &rows[i]
	}
	return all
}

// children returns the paths of the children of each supervisor, in order.
func children(rows []row) map[string][]string {
	all := make(map[string][]string)
	for _, r := range rows {
		if r.Parent != "" {
			all[r.Parent] = append(all[r.Parent], r.Path)
		}
	}
	return all
}

func abs(n int64) int64 { return max(n, -n) }
