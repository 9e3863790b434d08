package debug

import (
	"slices"
)

// A shown is the tree as a page has it.
type shown struct {
	rows  map[string]row
	order map[string][]string // the paths of the children of a supervisor
}

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
// what that takes.
func (s *shown) update(rows []row) delta {
	var d delta
	now := make(map[string]row, len(rows))
	order := make(map[string][]string, len(s.order))
	for _, r := range rows {
		old, known := s.rows[r.Path]
		if known && abs(old.Life.Up-r.Life.Up) < jitter {
			if r.Since == r.Life.Up { // the top's is the same
				r.Since = old.Since
			}
			r.Life.Up = old.Life.Up
		}
		if !known || old != r {
			d.Rows = append(d.Rows, r)
		}
		now[r.Path] = r
		if r.Parent != "" {
			order[r.Parent] = append(order[r.Parent], r.Path)
		}
	}
	for path, r := range s.rows {
		if _, still := now[path]; still {
			continue
		}
		if _, above := now[r.Parent]; above || r.Parent == "" {
			d.Gone = append(d.Gone, path)
		}
	}
	slices.Sort(d.Gone)
	for parent, children := range order {
		if !slices.Equal(children, s.expected(parent, children, now)) {
			if d.Order == nil {
				d.Order = make(map[string][]string)
			}
			d.Order[parent] = children
		}
	}
	s.rows, s.order = now, order
	return d
}

// expected is the order that a page which is told of what is gone and what is
// new makes of the children of a supervisor.
func (s *shown) expected(parent string, children []string, now map[string]row) []string {
	before := s.order[parent]
	if slices.Equal(before, children) {
		return before
	}
	made := make([]string, 0, len(children))
	for _, path := range before {
		if _, still := now[path]; still {
			made = append(made, path)
		}
	}
	for _, path := range children {
		if _, known := s.rows[path]; !known {
			made = append(made, path)
		}
	}
	return made
}

func abs(n int64) int64 { return max(n, -n) }
