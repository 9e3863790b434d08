package sup

import (
	"cmp"
	"slices"
)

// past are the counts of children that are gone.
type past struct {
	members Counts            // of the supervisor's own, added at run time: the common case
	rest    map[family]Counts // of all others
}

// maxFamilies bounds what is kept of supervisors that come and go with ever new
// children: the counts of the families above it are one.
const maxFamilies = 1000

// family is what children have in common whose counts are one: [Past] without
// them.
type family struct{ supervisor, child string }

func (p *past) add(supervisor, child string, c Counts) {
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
func (p *past) list() []Past {
	var list []Past
	if p.members != (Counts{}) {
		list = append(list, Past{Child: Template, Counts: p.members})
	}
	for key, c := range p.rest {
		list = append(list, Past{key.supervisor, key.child, c})
	}
	slices.SortFunc(list, func(a, b Past) int {
		return cmp.Or(cmp.Compare(a.Supervisor, b.Supervisor), cmp.Compare(a.Child, b.Child))
	})
	return list
}

// inheritLocked takes over the past of a life that has ended: of one below, or of
// a root the one before. Both are told of by the one that is looked at, and each
// only once.
func (s *core) inheritLocked(ended *core, from []Past) {
	below := ""
	if ended.above == s {
		if ended.host == nil { // a worker's own: no snapshot tells of it
			return
		}
		below = escapeID(ended.host.child.template())
		ended.handed = true
	}
	for _, f := range from {
		at := f.Supervisor
		if below != "" {
			at = below
			if f.Supervisor != "" {
				at += "/" + f.Supervisor
			}
		}
		s.past.add(at, f.Child, f.Counts)
	}
}

// handOver makes the counts of a life that has been abandoned, and of those below it,
// the past of one above at once: it is shown no longer when another has taken its
// place. What is counted later follows when it ends.
func (s *core) handOver(heir *core) {
	all := s.lendAll("", nil)
	heir.mu.Lock()
	heir.inheritLocked(s, all)
	gone := heir.passedOn
	heir.mu.Unlock()
	if gone {
		heir.forward(s, all)
	}
}

func (s *core) lendAll(at string, all []Past) []Past {
	for _, p := range s.lend(false) {
		all = append(all, Past{joinBelow(at, p.Supervisor), p.Child, p.Counts})
	}
	for _, below := range s.nested() {
		if below.host != nil {
			all = below.lendAll(joinBelow(at, escapeID(below.host.child.template())), all)
		}
	}
	return all
}

// forward gives what a life below has handed to this one, which has ended and passed
// on its own past before, to those above.
func (s *core) forward(ended *core, from []Past) {
	for at := ended; at.above == s && at.host != nil && s.above != nil && s.host != nil; at, s = s, s.above {
		under := escapeID(at.host.child.template())
		up := make([]Past, len(from))
		for i, p := range from {
			up[i] = Past{joinBelow(under, p.Supervisor), p.Child, p.Counts}
		}
		from = up
		s.above.mu.Lock()
		s.above.inheritLocked(s, from)
		gone := s.above.passedOn
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
func (s *core) lend(last bool) []Past {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passedOn = s.passedOn || last
	whole := s.wholePastLocked()
	if s.lent == nil && last { // the common case
		return whole
	}
	if s.lent == nil {
		s.lent = make(map[family]Counts)
	}
	var fresh []Past
	for _, p := range whole {
		key := family{p.Supervisor, p.Child}
		before := s.lent[key]
		s.lent[key] = p.Counts
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
func (s *core) wholePastLocked() []Past {
	all := past{members: s.past.members}
	for key, c := range s.past.rest {
		all.add(key.supervisor, key.child, c)
	}
	for c := s.first; c != nil; c = c.next {
		all.add("", c.template(), c.countsLocked())
	}
	return all.list()
}

// template is the id of a child where those of dynamic ones are not told.
func (c *child) template() string {
	if c.added || c.sup.decl.set != SetNone {
		return Template
	}
	return c.id()
}

func (c *child) countsLocked() Counts {
	return Counts{c.n, c.restarts, c.failures}
}
