package sup

import "context"

// A Tree, embedded in a struct, makes that struct a supervisor whose children
// are the fields of it: [Child], [Keyed] and [Replicas] values, and pointers to
// structs that embed a Tree themselves. The fields are typed, live handles, and
// good for as long as the struct is, also when a parent restarts the tree.
//
// A function that makes such a struct calls Declare, with what the Declare
// methods of the fields return; supgen generates it from struct tags. The tree
// is then started with Start or Run, or is the child of another one, through
// [Nest]. All methods are safe for concurrent use after Declare.
type Tree struct {
	idCalls
}

// A TreeSpec declares the supervisor that a [Tree] is. Its fields are those of
// [Spec].
type TreeSpec struct {
	Name         string
	Strategy     Strategy
	Intensity    Intensity
	AutoShutdown AutoShutdown
	Observers    []Observer
	Labels       bool
	Record       int
}

// A Member is a declared child of a [Tree]: what [Child.Declare],
// [Keyed.Declare], [Replicas.Declare] and [Nest] return.
type Member struct {
	id      string
	declare func(life *core)                   // links the child to a new life
	check   func(f *faults, auto AutoShutdown) // finds what is wrong with it, and below
	bind    func(f *supervision)               // tells its handle, if it has one, where it is declared
	nested  *supervision                       // nil of a worker
}

// Declare says what the children of the tree are, in start order. It is called
// once, before anything else; what is wrong with the declaration, members
// included, is reported when the tree starts.
func (t *Tree) Declare(spec TreeSpec, members ...Member) {
	name := spec.Name
	if name == "" {
		name = "supervisor"
	}
	faults := spec.faults(escapeID(name), members)
	if t.life.Load() != nil {
		faults = append(faults, Fault{escapeID(name), "Declare", "was called twice: call it once, with all members"})
	}
	members = append([]Member(nil), members...)
	for _, m := range members {
		if m.bind != nil {
			m.bind(&t.supervision)
		}
	}
	t.declare(&config{
		name:      name,
		strategy:  spec.Strategy,
		intensity: spec.Intensity,
		auto:      spec.AutoShutdown,
		labels:    spec.Labels,
		record:    spec.Record,
		observers: append([]Observer(nil), spec.Observers...),
		faults:    faults,
		populate: func(life *core) {
			life.list.byID = make(map[string]*child, len(members))
			for _, m := range members {
				m.declare(life)
			}
		},
	})
}

func (spec TreeSpec) faults(path string, members []Member) []Fault {
	f := &faults{path: path}
	f.checkSupervisor(spec.Name, spec.Strategy, spec.Intensity, spec.AutoShutdown, spec.Observers, spec.Record)
	ids := make([]string, len(members))
	nested := make(map[*supervision]int)
	for i, m := range members {
		ids[i] = m.id
		if m.declare == nil {
			f.add("Members", "number %d is the zero Member: use what a Declare method or Nest returns", i)
			ids[i] = "?"
			continue
		}
		f.at(m.id, func(f *faults) {
			m.check(f, spec.AutoShutdown)
			if j, twice := nested[m.nested]; twice && m.nested != nil {
				f.add("Declare", "members number %d and %d are the same supervisor: make two", j, i)
			}
		})
		nested[m.nested] = i
	}
	f.checkIDs(ids)
	return f.list
}

// Declare sets the handle up as that of a child of a tree.
func (h *Child[W]) Declare(spec ChildSpec[W]) Member {
	twice := h.ref != nil
	h.ref = new(reference)
	ref := h.ref
	p := spec.policy().withDefaults()
	return Member{
		id: spec.ID,
		check: func(f *faults, auto AutoShutdown) {
			spec.check(f, auto)
			if twice {
				f.add("Declare", "its handle is that of another child already: give each child its own")
			}
		},
		declare: func(life *core) {
			life.declareLocked(newMember(life, spec.ID, &p, spec.Start))
		},
		bind: func(f *supervision) {
			ref.lookup = &lookup{f, spec.ID, func() *child { return f.current().find(spec.ID) }}
		},
	}
}

// Nest declares a supervisor, such as a pointer to a struct that embeds a
// [Tree], as a child of a tree. The spec's Start is not needed: a supervisor
// can be run again, and so the same one is.
func Nest[S interface {
	Worker
	hasBase
}](s S, spec ChildSpec[S]) Member {
	if isNil(s) {
		return Member{
			id:      spec.ID,
			check:   func(f *faults, _ AutoShutdown) { f.add("Nest", "the supervisor is nil: make it first") },
			declare: func(*core) {},
		}
	}
	return nested(spec.ID, s, s.base(), spec)
}

func nested[S Worker](id string, s S, f *supervision, spec ChildSpec[S]) Member {
	spec.ID = id
	spec.Start = func(context.Context) (S, error) { return s, nil }
	p := spec.policy().withDefaults()
	return Member{
		id:     id,
		nested: f,
		check: func(under *faults, auto AutoShutdown) {
			spec.check(under, auto)
			if spec.Stuck == StuckAbandon {
				under.add("Stuck", "a supervisor cannot run beside itself: use StuckWait or StuckEscalate")
			}
			if spec.Watchdog > 0 {
				under.add("Watchdog", "a supervisor does not beat: give its children one")
			}
			for _, fault := range f.declared().faults {
				fault.Path = under.path + fault.Path[len(escapeID(f.declared().name)):]
				under.list = append(under.list, fault)
			}
		},
		declare: func(life *core) { life.declareLocked(newMember(life, id, &p, spec.Start)) },
	}
}
