package sup

import (
	"cmp"
	"slices"
)

// retired is what happened to children that no longer exist. Each count is shown
// once: by the life that has it, or by one above or after it that it was merged into.
type retired struct {
	counts   retiredCounts
	lent     map[family]Counts // the part of the counts here, and of the children, that a life above has already
	passedOn bool              // set when a life above has all of it
	merged   bool              // set when this life has ended and its counts are those of the one above; guarded by above.mu
}

// retiredCounts are the counts of children that no longer exist.
type retiredCounts struct {
	members Counts            // of the supervisor's own, added at run time: the common case
	rest    map[family]Counts // of all others
}

// maxFamilies bounds what is kept of supervisors that come and go with ever new
// children: the counts of the families above it are one.
const maxFamilies = 1000

// family is what children have in common whose counts are one: [Past] without
// them.
type family struct{ supervisor, child string }

func (p *retiredCounts) add(supervisor, child string, c Counts) {
	switch {
	case c == (Counts{}):
		return
	case supervisor == "" && child == Template:
		p.members = p.members.Plus(c)
		return
	}
	if p.rest == nil {
		p.rest = make(map[family]Counts)
	}
	key := family{supervisor, child}
	if _, known := p.rest[key]; !known && len(p.rest) >= maxFamilies {
		key = family{Template, Template}
	}
	p.rest[key] = p.rest[key].Plus(c)
}

// list returns them in the order of their names.
func (p *retiredCounts) list() []Retired {
	var list []Retired
	if p.members != (Counts{}) {
		list = append(list, Retired{Child: Template, Counts: p.members})
	}
	for key, c := range p.rest {
		list = append(list, Retired{key.supervisor, key.child, c})
	}
	slices.SortFunc(list, func(a, b Retired) int {
		return cmp.Or(cmp.Compare(a.Supervisor, b.Supervisor), cmp.Compare(a.Child, b.Child))
	})
	return list
}

// inheritLocked takes over the past of a life that has ended: of one below, or of
// a root the one before. Both are told of by the one that is looked at, and each
// only once.
func (s *core) addRetiredLocked(ended *core, from []Retired) {
	below := ""
	if ended.above == s {
		if ended.host == nil { // a worker's own: no snapshot tells of it
			return
		}
		below = escapeID(ended.host.child.template())
		ended.retired.merged = true
	}
	for _, f := range from {
		at := f.Supervisor
		if below != "" {
			at = below
			if f.Supervisor != "" {
				at += "/" + f.Supervisor
			}
		}
		s.retired.counts.add(at, f.Child, f.Counts)
	}
}

// handOver makes the counts of a life that has been abandoned, and of those below it,
// the past of one above at once: it is shown no longer when another has taken its
// place. What is counted later follows when it ends.
func (s *core) handOver(heir *core) {
	all := s.takeAllUnlent("", nil)
	heir.mu.Lock()
	heir.addRetiredLocked(s, all)
	gone := heir.retired.passedOn
	heir.mu.Unlock()
	if gone {
		heir.forwardRetired(s, all)
	}
}

func (s *core) takeAllUnlent(at string, all []Retired) []Retired {
	for _, p := range s.takeUnlent(false) {
		all = append(all, Retired{joinBelow(at, p.Supervisor), p.Child, p.Counts})
	}
	for _, below := range s.nested() {
		if below.host != nil {
			all = below.takeAllUnlent(joinBelow(at, escapeID(below.host.child.template())), all)
		}
	}
	return all
}

// forward gives what a life below has handed to this one, which has ended and passed
// on its own past before, to those above.
func (s *core) forwardRetired(ended *core, from []Retired) {
	for at := ended; at.above == s && at.host != nil && s.above != nil && s.host != nil; at, s = s, s.above {
		under := escapeID(at.host.child.template())
		up := make([]Retired, len(from))
		for i, p := range from {
			up[i] = Retired{joinBelow(under, p.Supervisor), p.Child, p.Counts}
		}
		from = up
		s.above.mu.Lock()
		s.above.addRetiredLocked(s, from)
		gone := s.above.retired.passedOn
		s.above.mu.Unlock()
		if !gone {
			return
		}
	}
}

func joinBelow(at, below string) string {
	switch {
	case at == "":
		return below
	case below == "":
		return at
	}
	return at + "/" + below
}

// lend returns the past of a life, with what there is of its children, but for what it
// has lent before.
func (s *core) takeUnlent(last bool) []Retired {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired.passedOn = s.retired.passedOn || last
	whole := s.allRetiredLocked()
	if s.retired.lent == nil && last { // the common case
		return whole
	}
	if s.retired.lent == nil {
		s.retired.lent = make(map[family]Counts)
	}
	var fresh []Retired
	for _, p := range whole {
		key := family{p.Supervisor, p.Child}
		before := s.retired.lent[key]
		s.retired.lent[key] = p.Counts
		p.Counts = Counts{ // of more than maxFamilies, one may have become part of another since
			max(0, p.Starts-before.Starts), max(0, p.Restarts-before.Restarts), max(0, p.Failures-before.Failures),
		}
		if p.Counts != (Counts{}) {
			fresh = append(fresh, p)
		}
	}
	return fresh
}

// wholePastLocked is the past of a life, with what there is of its children.
func (s *core) allRetiredLocked() []Retired {
	all := retiredCounts{members: s.retired.counts.members}
	for key, c := range s.retired.counts.rest {
		all.add(key.supervisor, key.child, c)
	}
	for c := s.list.first; c != nil; c = c.next {
		all.add("", c.template(), c.countsLocked())
	}
	return all.list()
}

// template is the id of a child where those of dynamic ones are not told.
func (c *child) template() string {
	if c.added || c.sup.config.set != SetNone {
		return Template
	}
	return c.id()
}

func (c *child) countsLocked() Counts {
	return Counts{c.n, c.restarts, c.failures}
}
