package sup

import (
	"cmp"
	"slices"
)

// retired is the history of children that no longer exist. A Prometheus counter must
// not fall when a child is removed or a supervisor ends, so the counts outlive both.
//
// Each count is shown once: by the life that made it, or by the life above or after it
// that it was merged into. Counts move up when a life ends. When a life is abandoned
// they move up at once, because the next life takes its place in snapshots, and what is
// counted after that follows at its end. So a life remembers what it has sent.
type retired struct {
	counts  retiredCounts
	sent    map[family]Counts // the part of these counts, and of the children's, that a life above has already; nil if none
	allSent bool              // set when the life has ended and a life above has all its counts
	merged  bool              // set when the life has ended and above shows its counts; guarded by above.mu
}

// retiredCounts are the counts of children that no longer exist.
type retiredCounts struct {
	members Counts            // of the supervisor's own children that were added at run time: the common case
	rest    map[family]Counts // of all others
}

// maxFamilies bounds the memory of a supervisor below which supervisors with ever
// new names come and go. Families beyond it share one count.
const maxFamilies = 1000

// family names the children that share one count: a [Retired] without its counts.
type family struct{ supervisor, child string }

// add adds counts to those of a family.
func (p *retiredCounts) add(supervisor, child string, c Counts) {
	// Most members of a Keyed come and go without a restart, and counting them must cost
	// nothing: so they have a field of their own and need no map.
	switch {
	case c == (Counts{}):
		return
	case supervisor == "" && child == Template:
		p.members = p.members.plus(c)
		return
	}
	if p.rest == nil {
		p.rest = make(map[family]Counts)
	}
	key := family{supervisor, child}
	if _, known := p.rest[key]; !known && len(p.rest) >= maxFamilies {
		key = family{Template, Template}
	}
	p.rest[key] = p.rest[key].plus(c)
}

// list returns all counts in the order of their names.
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

// addRetiredLocked adds the counts of a life that has ended or was abandoned: of a
// life below, or of the life before if s is a root.
func (s *core) addRetiredLocked(ended *core, from []Retired) {
	below := ""
	if ended.above == s {
		if ended.host == nil { // a worker runs it for itself, and no snapshot shows it
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

// sendCounts adds the counts of a life that has been abandoned, and of the lives
// below it, to the supervisor above. It cannot wait for the end of the life, because
// snapshots show the life in its place instead. What is counted later follows when
// the life ends.
func (s *core) sendCounts(above *core) {
	all := s.takeAllUnsent("", nil)
	// No two supervisors are locked at once: above may have ended since the counts
	// were taken, and then what it is given now has to go further up.
	above.mu.Lock()
	above.addRetiredLocked(s, all)
	ended := above.retired.allSent
	above.mu.Unlock()
	if ended {
		above.forwardRetired(s, all)
	}
}

// takeAllUnsent appends the unsent counts of s and of the lives below it. at is the
// name of s as the supervisor above shows it.
func (s *core) takeAllUnsent(at string, all []Retired) []Retired {
	for _, p := range s.takeUnsent(false) {
		all = append(all, Retired{joinBelow(at, p.Supervisor), p.Child, p.Counts})
	}
	for _, below := range s.nested() {
		if below.host != nil {
			all = below.takeAllUnsent(joinBelow(at, escapeID(below.host.child.template())), all)
		}
	}
	return all
}

// forwardRetired passes counts that sender has sent to s further up. s has ended
// before and has sent its own counts, so nothing else would send these. It stops at
// the first life that has not ended.
func (s *core) forwardRetired(sender *core, from []Retired) {
	for at := sender; at.above == s && at.host != nil && s.above != nil && s.host != nil; at, s = s, s.above {
		under := escapeID(at.host.child.template())
		up := make([]Retired, len(from))
		for i, p := range from {
			up[i] = Retired{joinBelow(under, p.Supervisor), p.Child, p.Counts}
		}
		from = up
		s.above.mu.Lock()
		s.above.addRetiredLocked(s, from)
		ended := s.above.retired.allSent
		s.above.mu.Unlock()
		if !ended { // it sends these counts with its own
			return
		}
	}
}

// joinBelow joins two names of supervisors, either of which may be "".
func joinBelow(at, below string) string {
	switch {
	case at == "":
		return below
	case below == "":
		return at
	}
	return at + "/" + below
}

// takeUnsent returns the counts of a life, including those of its present children,
// that have not been sent to a life above, and marks them as sent. last is set at the
// end of the life.
func (s *core) takeUnsent(last bool) []Retired {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired.allSent = s.retired.allSent || last
	whole := s.allRetiredLocked()
	if s.retired.sent == nil && last { // the common case needs no map
		return whole
	}
	if s.retired.sent == nil {
		s.retired.sent = make(map[family]Counts)
	}
	var fresh []Retired
	// What was sent before is subtracted. Counts only grow, so the rest is what is new.
	for _, p := range whole {
		key := family{p.Supervisor, p.Child}
		before := s.retired.sent[key]
		s.retired.sent[key] = p.Counts
		p.Counts = Counts{ // not below 0: beyond maxFamilies, a family may have become part of another since
			max(0, p.Starts-before.Starts), max(0, p.Restarts-before.Restarts), max(0, p.Failures-before.Failures),
		}
		if p.Counts != (Counts{}) {
			fresh = append(fresh, p)
		}
	}
	return fresh
}

// allRetiredLocked returns the counts of a life, including those of its present
// children.
func (s *core) allRetiredLocked() []Retired {
	// A copy: counts of children that still exist must not stay in s.retired, which gets
	// them when they are removed.
	all := retiredCounts{members: s.retired.counts.members}
	for key, c := range s.retired.counts.rest {
		all.add(key.supervisor, key.child, c)
	}
	for c := s.list.first; c != nil; c = c.next {
		all.add("", c.template(), c.counts)
	}
	return all.list()
}

// template returns the id of a child, or [Template] if the child was added at run
// time or belongs to a set. Such ids are too many to keep.
func (c *child) template() string {
	if c.isMember() {
		return Template
	}
	return c.id()
}

// isMember reports whether a child was added at run time or belongs to a set. It does
// not change while the child is in the list.
func (c *child) isMember() bool { return c.added || c.sup.config.set != SetNone }

// countLocked adds to the counts of a child, and of the members if it is one.
func (c *child) countLocked(more Counts) {
	c.counts = c.counts.plus(more)
	if !c.unlinked.Load() && c.isMember() {
		c.sup.list.members = c.sup.list.members.plus(more)
	}
}
