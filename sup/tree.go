package sup

import (
	"context"
	"slices"
	"time"
)

// A Tree is a supervisor that is embedded in a struct whose fields are its children.
//
// The fields are [Child], [Keyed] and [Replicas] values, and pointers to structs with a
// Tree of their own. They are typed handles, and stay valid when a child or the tree is
// restarted.
//
// The constructor of the struct calls [Tree.Declare] with the members that the Declare
// methods of the fields and [Nest] return. The command supgen generates the constructor
// from struct tags. [Tree.Start] or [Tree.Run] starts the tree, or Nest makes it a child
// of another tree. After Declare, all methods are safe for concurrent use.
type Tree struct {
	idCalls
}

// A TreeSpec configures the supervisor of a [Tree]. Zero fields mean the documented
// defaults.
type TreeSpec struct {
	// Name is the path of the tree if it has no parent. Below a parent the path ends in
	// the id of the child instead. "" means "supervisor".
	Name string
	// Strategy says which siblings are restarted with a child that failed. The default
	// is [OneForOne].
	Strategy Strategy
	// Intensity limits the restarts. If it is exceeded, the tree ends. The zero value
	// means [DefaultIntensity].
	Intensity Intensity
	// AutoShutdown says whether the tree ends with its significant children. The default
	// is [AutoShutdownNever].
	AutoShutdown AutoShutdown
	// StopWithin is the time for the whole stop, from the moment at which the supervisor is
	// asked to end or gives up. 0 means no limit. At nine tenths of it, or 100 ms before its
	// end if that is earlier, all children that have not been asked to stop are asked at
	// once. At its end the rest is stuck and not waited for any longer, and Shutdown returns
	// a [StuckError]. A nested supervisor has at most the rest of the time of its parent.
	// Restarts of children are not bounded by it.
	StopWithin time.Duration
	// Observers receive every event of the tree and its descendants.
	Observers []Observer
	// Labels sets pprof labels on the goroutines of all workers. See [Spec].
	Labels bool
	// Record is the number of events that the supervisor keeps. 0 means the number of the
	// parent, or [DefaultRecord] without one. A negative number means none. See [Spec].
	Record int
}

// A Member is a declared child of a [Tree], for [Tree.Declare]. [Child.Declare],
// [Keyed.Declare], [Replicas.Declare] and [Nest] return one. The zero Member is a fault.
type Member struct {
	id      string
	declare func(life *core)                   // links the child to a new life
	check   func(f *faults, auto AutoShutdown) // reports the faults of the child and its descendants
	bind    func(f *supervision)               // connects the handle to the tree; nil if there is no handle
	need    need                               // what the child needs
	nested  *supervision                       // nil if the child is a worker
}

// Declare sets the configuration and the children of the tree, in start order. It must
// be called once, before any other method. If the declaration or a member has faults,
// [Tree.Start] returns a [SpecError] that lists them.
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
		name:       name,
		strategy:   spec.Strategy,
		intensity:  spec.Intensity,
		auto:       spec.AutoShutdown,
		stopWithin: spec.StopWithin,
		labels:     spec.Labels,
		record:     spec.Record,
		observers:  append([]Observer(nil), spec.Observers...),
		faults:     faults,
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
	f.checkTime("StopWithin", spec.StopWithin)
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
	needs := make([]need, len(members))
	for i, m := range members {
		needs[i] = m.need
	}
	f.checkNeeds(spec.Strategy, needs)
	return f.list
}

// Declare makes h the handle of a child with the given spec, and returns the member of a
// tree that declares the child. Each handle can be declared once.
func (h *Child[W]) Declare(spec ChildSpec[W]) Member {
	twice := h.ref != nil
	h.ref = new(reference)
	ref := h.ref
	p := spec.policy().withDefaults()
	needs := slices.Clone(spec.Needs)
	return Member{
		id:   spec.ID,
		need: need{spec.ID, spec.Restart, needs},
		check: func(f *faults, auto AutoShutdown) {
			spec.check(f, auto)
			if twice {
				f.add("Declare", "its handle is that of another child already: give each child its own")
			}
		},
		declare: func(life *core) {
			life.declareLocked(newMember(life, spec.ID, &p, spec.Start), needs)
		},
		bind: func(f *supervision) {
			ref.lookup = &lookup{f, spec.ID, func() *child { return f.current().find(spec.ID) }}
		},
	}
}

// Nest returns the member of a tree that declares a supervisor, such as a pointer to a
// struct with an embedded [Tree], as a child. Start in the spec is ignored. A supervisor
// can be started again, so every incarnation of the child is s itself.
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
	needs := slices.Clone(spec.Needs)
	return Member{
		id:     id,
		need:   need{id, spec.Restart, needs},
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
		declare: func(life *core) { life.declareLocked(newMember(life, id, &p, spec.Start), needs) },
	}
}
