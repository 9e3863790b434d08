package debug

import (
	"maps"
	"slices"
)

// A sentTree is the tree as a page has it. Its rows have parents before their
// children, and children in order.
type sentTree struct{ rows []row }

// A delta is a change of the tree on a page. The page removes Gone, then applies
// Rows, then Order.
type delta struct {
	Rows  []row               `json:"rows,omitempty"`  // new or changed; a new row goes after its siblings
	Gone  []string            `json:"gone,omitempty"`  // paths; their descendants go too
	Order map[string][]string `json:"order,omitempty"` // children by path of their supervisor, if Gone and Rows leave them in another order
}

func (d delta) empty() bool { return len(d.Rows)+len(d.Gone)+len(d.Order) == 0 }

// jitter is the largest difference, in ms, between two computed start times of the
// same run of a supervisor. A snapshot has the uptime, and the clock is read later.
const jitter = 50

// update replaces the rows, and returns the delta that does the same on the page. It
// keeps rows.
func (s *sentTree) update(rows []row) delta {
	before := s.rows
	s.rows = rows
	if !samePaths(before, rows) {
		return diff(before, rows)
	}
	var d delta
	for i := range rows {
		if rows[i].changed(&before[i]) {
			d.Rows = append(d.Rows, rows[i])
		}
	}
	return d
}

// samePaths reports whether the rows have the same children in the same order, which
// is the common case.
func samePaths(a, b []row) bool {
	return slices.EqualFunc(a, b, func(a, b row) bool { return a.Path == b.Path })
}

// changed reports whether a row differs from an old one. It replaces a start time
// within the jitter by the old one.
func (r *row) changed(old *row) bool {
	if up := r.Sup.Up; up != 0 && abs(old.Sup.Up-up) < jitter {
		r.Sup.Up = old.Sup.Up
		if r.Since == up { // the row at the top has the same time there
			r.Since = old.Since
		}
	}
	return *r != *old
}

// diff returns the delta of two trees with different children or another order.
func diff(before, rows []row) delta {
	var d delta
	old, now := byPath(before), byPath(rows)
	for i := range rows {
		if was := old[rows[i].Path]; was == nil || rows[i].changed(was) {
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
		if !slices.Equal(order[parent], orderOnPage(had[parent], order[parent], old, now)) {
			if d.Order == nil {
				d.Order = make(map[string][]string)
			}
			d.Order[parent] = order[parent]
		}
	}
	return d
}

// orderOnPage returns the order of the children of a supervisor once the page has
// applied Gone and Rows.
func orderOnPage(had, order []string, old, now map[string]*row) []string {
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
