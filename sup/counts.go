package sup

import (
	"cmp"
	"slices"
)

// Counts are what has happened to some children. They never fall.
type Counts struct {
	Starts   int `json:"starts"`   // incarnations
	Restarts int `json:"restarts"` // of them, those that no operator and no start asked for
	Failures int `json:"failures"` // exits that were abnormal
}

// Plus returns the sum.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Starts + d.Starts, c.Restarts + d.Restarts, c.Failures + d.Failures}
}

// Past is what had happened to children that are there no longer: they have
// been removed, or the life of their supervisor has ended.
type Past struct {
	Supervisor string `json:"supervisor"` // theirs: the path below the supervisor that tells of it, "" for itself; [Template] stands for each member of a set
	Child      string `json:"child"`      // its id, or [Template] for all that were added at run time, and those of [Replicas]; both are for what is above a thousand different ones
	Counts
}

// Template stands for the ids of the members of a set, and of children that were
// added at run time, where many of them are told of as one.
const Template = "*"

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

// wholePast is the past of a life that has ended, with what there is of its
// children.
func (s *core) wholePast() []Past {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	if c.added || c.sup.decl.set != NoSet {
		return Template
	}
	return c.id()
}

func (c *child) countsLocked() Counts {
	return Counts{c.n, c.restarts, c.failures}
}
