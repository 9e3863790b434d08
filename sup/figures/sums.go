package figures

import (
	"time"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
)

// states is the number of states.
const states = int(sup.StateQuarantined) + 1

// sums combines the children and supervisors of each set of labels, in the order of
// the tree.
type sums struct {
	at          time.Time
	supervisors map[string]*supervisorSum
	order       []*supervisorSum
}

// A supervisorSum combines the supervisors with the same label.
type supervisorSum struct {
	path     string // label
	up       int
	uptime   time.Duration // shortest
	limited  bool
	limit    int           // lowest
	window   time.Duration // of the lowest limit
	used     float64       // highest
	children map[string]*childSum
	order    []*childSum
}

// A childSum combines the children with the same labels.
type childSum struct {
	id       string // label
	in       [states]int
	age      [states]time.Duration // longest
	counts   sup.Counts
	budgeted bool
	used     float64 // highest
}

func newSums(at time.Time) *sums {
	return &sums{at: at, supervisors: make(map[string]*supervisorSum)}
}

// supervisor returns the sum for a path. Paths with the same label share it, since
// two points with equal labels fail a collection.
func (s *sums) supervisor(path string) *supervisorSum {
	path = poll.Label(path)
	sum := s.supervisors[path]
	if sum == nil {
		sum = &supervisorSum{path: path, children: make(map[string]*childSum)}
		s.supervisors[path] = sum
		s.order = append(s.order, sum)
	}
	return sum
}

func (s *supervisorSum) child(id string) *childSum {
	id = poll.Label(id)
	sum := s.children[id]
	if sum == nil {
		sum = &childSum{id: id}
		s.children[id] = sum
		s.order = append(s.order, sum)
	}
	return sum
}

// add adds a supervisor and its descendants. Its path has "*" in place of dynamic keys.
func (s *sums) add(path string, info sup.SupervisorInfo) {
	sum := s.supervisor(path)
	sum.add(info)
	for _, c := range info.Children {
		id := c.ID
		if c.Added || info.Set != sup.SetNone {
			id = sup.Template
		}
		sum.child(id).add(c, s.at, !info.Merged)
		if c.Supervisor != nil {
			s.add(sup.ChildPath(path, id), *c.Supervisor)
		}
	}
	if info.Below == nil { // a summary counts all children there, and lists none
		for state, n := range info.States {
			if int(state) < states {
				sum.child(sup.Template).in[state] += n
			}
		}
	}
	for _, p := range info.Retired {
		at := path
		if p.Supervisor != "" {
			at += "/" + p.Supervisor
		}
		retired := s.supervisor(at).child(p.Child)
		retired.counts = plus(retired.counts, p.Counts)
	}
}

func (s *supervisorSum) add(info sup.SupervisorInfo) {
	if info.Running {
		if s.up == 0 || info.Uptime < s.uptime {
			s.uptime = info.Uptime
		}
		s.up++
	}
	if limit := info.Intensity; limit.Restarts >= 0 {
		if !s.limited || limit.Restarts < s.limit {
			s.limit, s.window = limit.Restarts, limit.Within
		}
		s.limited = true
		s.used = max(s.used, usedPart(info.Restarts, limit.Restarts))
	}
}

// usedPart returns the used part of a limit. It is 0 for a limit of 0, which would be
// at 1 all the time and raise an alert.
func usedPart(used, limit int) float64 {
	if limit <= 0 {
		return 0
	}
	return float64(used) / float64(limit)
}

func (c *childSum) add(info sup.ChildInfo, at time.Time, counts bool) {
	if int(info.State) < states {
		c.in[info.State]++
		c.age[info.State] = max(c.age[info.State], at.Sub(info.Since))
	}
	if counts {
		c.counts = plus(c.counts, sup.Counts{Starts: info.Incarnation, Restarts: info.Restarts, Failures: info.Failures})
	}
	if budget := info.Policy.Budget; budget != (sup.Intensity{}) && budget.Restarts >= 0 {
		c.budgeted = true
		c.used = max(c.used, usedPart(info.BudgetUsed, budget.Restarts))
	}
}

func (s *sums) points() []Point {
	var all []Point
	add := func(metric int, value float64, labels ...string) {
		all = append(all, Point{metric, labels, value})
	}
	for _, s := range s.order {
		add(supervisors, float64(s.up), s.path)
		if s.up > 0 {
			add(uptime, s.uptime.Seconds(), s.path)
		}
		if s.limited {
			add(intensityLimit, float64(s.limit), s.path)
			add(intensityWindow, s.window.Seconds(), s.path)
			add(intensityUsed, s.used, s.path)
		}
		for _, c := range s.order {
			for state, n := range c.in {
				name := sup.State(state).String()
				add(children, float64(n), s.path, c.id, name)
				if n > 0 && sup.State(state) != sup.StateIdle && sup.State(state) != sup.StateRunning {
					add(stateAge, c.age[state].Seconds(), s.path, c.id, name)
				}
			}
			add(starts, float64(c.counts.Starts), s.path, c.id)
			add(restarts, float64(c.counts.Restarts), s.path, c.id)
			add(failures, float64(c.counts.Failures), s.path, c.id)
			if c.budgeted {
				add(budgetUsed, c.used, s.path, c.id)
			}
		}
	}
	return all
}

// plus returns the sum of two counts.
func plus(a, b sup.Counts) sup.Counts {
	return sup.Counts{Starts: a.Starts + b.Starts, Restarts: a.Restarts + b.Restarts, Failures: a.Failures + b.Failures}
}
