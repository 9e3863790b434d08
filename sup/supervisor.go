package sup

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/espalier-go/espalier/internal/foreign"
)

// A Supervisor starts children of type W in order and restarts those that fail. Make
// one with [New] or [Start]. All methods are safe for concurrent use.
//
// A Supervisor is itself a [Worker], so it can be a child of another supervisor.
type Supervisor[W Worker] struct {
	idCalls
	recent atomic.Pointer[policy] // policy of the last child declared or added
}

// New returns a supervisor that has not been started. [Supervisor.Start] starts it,
// and [Supervisor.Run] also waits until it has ended. Both return a [SpecError] if the
// spec has faults. New copies the spec, so later changes to the spec have no effect.
func New[W Worker](spec Spec[W]) *Supervisor[W] {
	s := new(Supervisor[W])
	s.setUp(spec)
	return s
}

func (s *Supervisor[W]) setUp(spec Spec[W]) {
	spec.Children = append([]ChildSpec[W](nil), spec.Children...)
	policies := make([]*policy, len(spec.Children))
	for i, c := range spec.Children {
		spec.Children[i].Needs = slices.Clone(c.Needs)
		policies[i] = s.shared(c.policy())
	}
	var add addChild
	if spec.NewChild != nil {
		add = func(ctx context.Context, life *core, id string) (ChildInfo, error) {
			return s.addByID(ctx, life, id, spec.NewChild)
		}
	}
	s.declare(&config{
		add:        add,
		name:       spec.Name,
		strategy:   spec.Strategy,
		intensity:  spec.Intensity,
		auto:       spec.AutoShutdown,
		stopWithin: spec.StopWithin,
		labels:     spec.Labels,
		record:     spec.Record,
		observers:  append([]Observer(nil), spec.Observers...),
		faults:     spec.faults(),
		populate: func(life *core) {
			life.list.byID = make(map[string]*child, len(spec.Children))
			for i, c := range spec.Children {
				life.declareLocked(newMember(life, c.ID, policies[i], c.Start), c.Needs)
			}
		},
	})
}

// Start returns a running supervisor when all its children are ready. It is [New]
// followed by [Supervisor.Start], and returns the errors of that method. ctx bounds the
// life of the supervisor, and not the time of its start.
func Start[W Worker](ctx context.Context, spec Spec[W]) (*Supervisor[W], error) {
	s := New(spec)
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// shared returns a copy of a policy with its defaults filled in. Children declared or
// added one after the other mostly have equal policies. They share one copy to save
// memory.
func (s *Supervisor[W]) shared(p policy) *policy {
	p = p.withDefaults()
	if last := s.recent.Load(); last != nil && *last == p {
		return last
	}
	kept := p // a copy, so that p itself is not moved to the heap
	s.recent.Store(&kept)
	return &kept
}

// Validate returns a [SpecError] that lists all faults of the spec, or nil if it has
// none. [Supervisor.Start] makes the same check. Validate starts nothing and calls no
// function of the spec.
func (spec Spec[W]) Validate() error {
	if list := spec.faults(); len(list) > 0 {
		return &SpecError{Path: spec.path(), Faults: list}
	}
	return nil
}

// path returns the path that the supervisor has without a parent.
func (spec Spec[W]) path() string { return escapeID(cmp.Or(spec.Name, "supervisor")) }

// faults returns all faults of the spec and its children.
func (spec Spec[W]) faults() []Fault {
	f := &faults{path: spec.path()}
	f.checkSupervisor(spec.Name, spec.Strategy, spec.Intensity, spec.AutoShutdown, spec.Observers, spec.Record)
	f.checkTime("StopWithin", spec.StopWithin)
	ids := make([]string, len(spec.Children))
	for i, c := range spec.Children {
		ids[i] = c.ID
		f.at(c.ID, func(f *faults) { c.check(f, spec.AutoShutdown) })
	}
	f.checkIDs(ids)
	f.checkNeeds(spec.Strategy, needsOf(spec.Children))
	return f.list
}

// needsOf returns what children need.
func needsOf[W Worker](children []ChildSpec[W]) []need {
	all := make([]need, len(children))
	for i, c := range children {
		all[i] = need{c.ID, c.Restart, c.Needs}
	}
	return all
}

func (c ChildSpec[W]) check(f *faults, auto AutoShutdown) {
	if c.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker")
	}
	f.checkPolicy(c.policy(), auto)
}

// member is a child with an id and a start function.
type member[W Worker] struct {
	child
	maker func(ctx context.Context) (W, error)
}

func newMember[W Worker](s *core, id string, p *policy, start func(context.Context) (W, error)) *child {
	m := &member[W]{maker: start}
	m.name = id
	return newChild(&m.child, s, p, m)
}

func (m *member[W]) text() string            { return m.name }
func (m *member[W]) incarnate() *incarnation { return newLife[W]() }
func (m *member[W]) start(inc *incarnation) error {
	w, err := m.maker(inc)
	return made(inc, w, err)
}

// forget removes the child from the index by id. The caller holds the lock of the
// supervisor, unless no other goroutine knows the child yet.
func (m *member[W]) forget() {
	if m.sup.list.byID[m.name] == &m.child {
		delete(m.sup.list.byID, m.name)
	}
}

// StartChild adds a child at the end of the order, starts it, and returns when it is
// ready. ctx bounds that wait. If the child does not become ready, it is removed again.
// Its restart policy does not apply to this first start.
//
// Errors, in a [CallError]:
//
//   - a [StartError] if the child did not become ready. It wraps the error of the start
//     function or Initialize, a [StartTimeoutError], or, if ctx ended first, a
//     [StopError] with the cause of ctx;
//   - a [SpecError] if the spec has faults;
//   - [ErrAlreadyRunning], [ErrRestarting] or [ErrAlreadyDeclared] if a child has the id.
//     The handle then refers to this child;
//   - [ErrNotRunning] or [ErrShuttingDown] if the supervisor is not running.
//
// If the start function returns [ErrIgnore], StartChild succeeds. The child is then
// declared and stopped, and Wait on its handle returns [ErrStopped]. A temporary child is
// removed instead, and Wait returns [ErrNotFound].
//
// StartChild neither delays other calls nor waits for a round, but it waits for the
// siblings that the child needs, which must be declared. A child added during a round is
// not part of that round. When the parent restarts this supervisor, children
// added with StartChild are gone.
func (s *Supervisor[W]) StartChild(ctx context.Context, spec ChildSpec[W]) (Child[W], error) {
	life := s.current()
	if err := life.admit(); err != nil {
		return noChild[W](), callError("start child", s.pathOf(spec.ID), err)
	}
	f := new(faults) // the path is made only if there are faults
	if spec.ID == "" {
		f.add("ID", "is empty: give it one")
	}
	f.checkText("ID", spec.ID)
	spec.check(f, s.declared().auto)
	if len(f.list) > 0 {
		path := s.pathOf(spec.ID)
		for i := range f.list {
			f.list[i].Path = path
		}
		return noChild[W](), callError("start child", path, &SpecError{Path: path, Faults: f.list})
	}
	c := newMember(life, spec.ID, s.shared(spec.policy()), spec.Start)
	other, err := life.addChild(ctx, c, 0, slices.Clone(spec.Needs), func() *child { return life.list.byID[spec.ID] }, func() { life.list.byID[spec.ID] = c })
	if err == nil { // the common case: the path is not needed
		return Child[W]{&c.self}, nil
	}
	return handleOf[W](other), callError("start child", c.path(), err)
}

// addByID adds a child with the spec that newChild returns for its id. The caller may
// serve an operator on another machine, so a panic of newChild becomes an error of the
// call.
func (s *Supervisor[W]) addByID(ctx context.Context, life *core, id string, newChild func(string) (ChildSpec[W], error)) (ChildInfo, error) {
	var spec ChildSpec[W]
	var err error
	if failure := foreign.Call(func() { spec, err = newChild(id) }); failure != nil {
		err = failureOf(failure)
	}
	if err != nil {
		return ChildInfo{}, &CallError{"start child", joinPath(life.path, id), shield(err)}
	}
	spec.ID = id
	h, err := s.StartChild(ctx, spec)
	if err != nil {
		return ChildInfo{}, err
	}
	info, _ := h.Info()
	return info, nil
}

// Child returns a handle to the child with the given id. The handle stays valid when
// the child or the supervisor is restarted. The child need not exist yet. While no child
// has the id, Wait returns [ErrNotFound] and Get returns false. If a child with the id is
// added later, the handle refers to that child.
func (s *Supervisor[W]) Child(id string) Child[W] {
	return handle[W](&s.supervision, id, func() *child { return s.current().find(id) })
}

// All returns an iterator over the ids and live workers of the children, in start order.
// It covers the children declared when the iteration begins, and skips each child that
// has no live worker when the iteration reaches it.
func (s *Supervisor[W]) All() iter.Seq2[string, W] {
	return func(yield func(string, W) bool) {
		for _, c := range s.current().children() {
			if w, ok := liveWorker[W](c); ok && !yield(c.id(), w) {
				return
			}
		}
	}
}

var (
	_ hasBase = (*Supervisor[Worker])(nil)
	_ hasBase = (*Keyed[int, Worker])(nil)
	_ hasBase = (*Replicas[Worker])(nil)
	_ hasBase = (*Stateful[Worker, int, int])(nil)
	_ hasBase = (*Tree)(nil)
)
