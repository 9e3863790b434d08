package figures

import (
	"time"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
)

// states is how many states there are.
const states = int(sup.StateQuarantined) + 1

// sums adds up what is behind each label set, in the order in which they come.
type sums struct {
	at          time.Time
	supervisors map[string]*supervisor
	order       []*supervisor
}

type supervisor struct {
	path     string
	up       int
	uptime   time.Duration // the shortest
	limited  bool
	limit    int           // the lowest
	window   time.Duration // of that
	used     float64       // the most
	children map[string]*child
	order    []*child
}

type child struct {
	id       string
	in       [states]int
	age      [states]time.Duration // the longest
	counts   sup.Counts
	budgeted bool
	used     float64 // the most
}

func newSums(at time.Time) *sums {
	return &sums{at: at, supervisors: make(map[string]*supervisor)}
}

// supervisor returns the sums of a supervisor, of whose path a label is made first:
// two that differ in the label do so in the sums.
func (s *sums) supervisor(path string) *supervisor {
	path = poll.Label(path)
	one := s.supervisors[path]
	if one == nil {
		one = &supervisor{path: path, children: make(map[string]*child)}
		s.supervisors[path] = one
		s.order = append(s.order, one)
	}
	return one
}

func (s *supervisor) child(id string) *child {
	id = poll.Label(id)
	one := s.children[id]
	if one == nil {
		one = &child{id: id}
		s.children[id] = one
		s.order = append(s.order, one)
	}
	return one
}

// add adds a supervisor, known by a path without dynamic keys, and what is
// below it.
func (s *sums) add(path string, info sup.SupervisorInfo) {
	one := s.supervisor(path)
	one.addSelf(info)
	for _, c := range info.Children {
		id := c.ID
		if c.Added || info.Set != sup.SetNone {
			id = sup.Template
		}
		one.child(id).add(c, s.at, !info.Merged)
		if c.Supervisor != nil {
			s.add(sup.ChildPath(path, id), *c.Supervisor)
		}
	}
	for _, p := range info.Retired {
		at := path
		if p.Supervisor != "" {
			at += "/" + p.Supervisor
		}
		gone := s.supervisor(at).child(p.Child)
		gone.counts = gone.counts.Plus(p.Counts)
	}
}

func (s *supervisor) addSelf(info sup.SupervisorInfo) {
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
		s.used = max(s.used, share(info.Restarts, limit.Restarts))
	}
}

// share is how much of a limit is used. A limit that allows nothing is one that
// the next failure exceeds, all the time; that is no news.
func share(used, limit int) float64 {
	if limit <= 0 {
		return 0
	}
	return float64(used) / float64(limit)
}

func (c *child) add(info sup.ChildInfo, at time.Time, counts bool) {
	if int(info.State) < states {
		c.in[info.State]++
		c.age[info.State] = max(c.age[info.State], at.Sub(info.Since))
	}
	if counts {
		c.counts = c.counts.Plus(sup.Counts{Starts: info.Incarnation, Restarts: info.Restarts, Failures: info.Failures})
	}
	if budget := info.Policy.Budget; budget != (sup.Intensity{}) && budget.Restarts >= 0 {
		c.budgeted = true
		c.used = max(c.used, share(info.BudgetUsed, budget.Restarts))
	}
}

func (s *sums) points() []Point {
	var all []Point
	add := func(metric int, value float64, labels ...string) {
		all = append(all, Point{metric, labels, value})
	}
	for _, one := range s.order {
		add(supervisors, float64(one.up), one.path)
		if one.up > 0 {
			add(uptime, one.uptime.Seconds(), one.path)
		}
		if one.limited {
			add(intensityLimit, float64(one.limit), one.path)
			add(intensityWindow, one.window.Seconds(), one.path)
			add(intensityUsed, one.used, one.path)
		}
		for _, c := range one.order {
			for state, n := range c.in {
				name := sup.State(state).String()
				add(children, float64(n), one.path, c.id, name)
				if n > 0 && sup.State(state) != sup.StateIdle && sup.State(state) != sup.StateRunning {
					add(stateAge, c.age[state].Seconds(), one.path, c.id, name)
				}
			}
			add(starts, float64(c.counts.Starts), one.path, c.id)
			add(restarts, float64(c.counts.Restarts), one.path, c.id)
			add(failures, float64(c.counts.Failures), one.path, c.id)
			if c.budgeted {
				add(budgetUsed, c.used, one.path, c.id)
			}
		}
	}
	return all
}
