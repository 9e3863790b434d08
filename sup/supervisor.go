package sup

import (
	"cmp"
	"context"
	"iter"
	"sync/atomic"

	"github.com/espalier-go/espalier/internal/foreign"
)

// A Supervisor keeps children of type W alive. Make one with [New] or
// [Start]. All methods are safe for concurrent use.
//
// It is itself a [Worker], and so can be the child of another supervisor,
// whose children are of any type that it satisfies.
type Supervisor[W Worker] struct {
	idCalls
	recent atomic.Pointer[policy] // of the last child added
}

// New returns a supervisor that has not been started. Its Run starts it and
// waits for its end. What is wrong with the spec is reported when it starts.
// The spec is not kept; its functions are.
func New[W Worker](spec Spec[W]) *Supervisor[W] {
	s := new(Supervisor[W])
	s.setUp(spec)
	return s
}

func (s *Supervisor[W]) setUp(spec Spec[W]) {
	spec.Children = append([]ChildSpec[W](nil), spec.Children...)
	policies := make([]*policy, len(spec.Children))
	for i, c := range spec.Children {
		policies[i] = s.shared(c.policy())
	}
	var add addChild
	if spec.NewChild != nil {
		add = func(ctx context.Context, life *core, id string) (ChildInfo, error) {
			return s.addByID(ctx, life, id, spec.NewChild)
		}
	}
	s.declare(&config{
		add:       add,
		name:      spec.Name,
		strategy:  spec.Strategy,
		intensity: spec.Intensity,
		auto:      spec.AutoShutdown,
		labels:    spec.Labels,
		record:    spec.Record,
		observers: append([]Observer(nil), spec.Observers...),
		faults:    spec.faults(),
		populate: func(life *core) {
			life.list.byID = make(map[string]*child, len(spec.Children))
			for i, c := range spec.Children {
				life.declareLocked(newMember(life, c.ID, policies[i], c.Start))
			}
		},
	})
}

// Start returns a running supervisor, all of whose children are ready, or an
// error and nothing left. ctx is the supervisor's life, not the time that it
// may take to start; see [Supervisor.Start] for that and the errors.
func Start[W Worker](ctx context.Context, spec Spec[W]) (*Supervisor[W], error) {
	s := New(spec)
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// shared returns a policy with its defaults. Children that are added one after the
// other mostly have the same, and then share it, as those of a set do.
func (s *Supervisor[W]) shared(p policy) *policy {
	p = p.withDefaults()
	if last := s.recent.Load(); last != nil && *last == p {
		return last
	}
	kept := p // of its own, so that p need not be on the heap
	s.recent.Store(&kept)
	return &kept
}

// Validate returns a [SpecError] with all faults of the spec, or nil if there are
// none. [Supervisor.Start] makes the same check. Validate starts nothing and calls
// no function of the spec.
func (spec Spec[W]) Validate() error {
	if list := spec.faults(); len(list) > 0 {
		return &SpecError{Path: spec.path(), Faults: list}
	}
	return nil
}

// path returns the path of a supervisor of this spec that has no parent.
func (spec Spec[W]) path() string { return escapeID(cmp.Or(spec.Name, "supervisor")) }

// faults returns what is wrong with the spec.
func (spec Spec[W]) faults() []Fault {
	f := &faults{path: spec.path()}
	f.checkSupervisor(spec.Name, spec.Strategy, spec.Intensity, spec.AutoShutdown, spec.Observers, spec.Record)
	ids := make([]string, len(spec.Children))
	for i, c := range spec.Children {
		ids[i] = c.ID
		f.at(c.ID, func(f *faults) { c.check(f, spec.AutoShutdown) })
	}
	f.checkIDs(ids)
	return f.list
}

func (c ChildSpec[W]) check(f *faults, auto AutoShutdown) {
	if c.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker")
	}
	f.checkPolicy(c.policy(), auto)
}

// member is a child of a type, with an id.
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

// forget is called with the lock held, or before the child is known.
func (m *member[W]) forget() {
	if m.sup.list.byID[m.name] == &m.child {
		delete(m.sup.list.byID, m.name)
	}
}

// StartChild adds a child at the end of the order and starts it. It returns
// when the child is ready; ctx bounds the wait for that. If the child does not
// get ready nothing stays behind, and the error, a [CallError], wraps a
// [StartError] with the cause: a [StartTimeoutError] if the spec's StartTimeout
// ran out, a [StopError] with the cause of ctx if that ended first. No restart
// policy is consulted.
//
// Other errors: a [SpecError]; [ErrAlreadyRunning], [ErrRestarting] and
// [ErrAlreadyDeclared] for an id that is taken; [ErrNotRunning] and
// [ErrShuttingDown].
//
// A start function that returns [ErrIgnore] is no error. The child is declared and
// stopped, and the handle says so with [ErrStopped]; a temporary child is not
// declared, and its handle says [ErrNotFound].
//
// The start of one child holds up no other call, nor do rounds; a child that
// is added during a round is not part of it. The child is not there any more
// when the supervisor is restarted by its parent.
func (s *Supervisor[W]) StartChild(ctx context.Context, spec ChildSpec[W]) (Child[W], error) {
	life := s.current()
	if err := life.admit(); err != nil {
		return noChild[W](), callError("start child", s.pathOf(spec.ID), err)
	}
	f := new(faults) // the path is made when it is needed
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
	err := life.addChild(ctx, c, 0, func() *child { return life.list.byID[spec.ID] }, func() { life.list.byID[spec.ID] = c })
	if err == nil { // the common case, without the text of the path
		return Child[W]{&c.self}, nil
	}
	return noChild[W](), callError("start child", c.path(), err)
}

// addByID adds a child with the spec that newChild returns for its id. It is called for
// operators, perhaps on another machine, and so a panic of newChild is an error of the
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

// Child returns a handle to the child of an id. The handle is good whatever
// happens to its worker, and when the supervisor is started again. It may be taken
// before the start, and before the child is added; as long as there is no such
// child, its methods say so, and when a child of that id is added again it is a
// handle to that one.
func (s *Supervisor[W]) Child(id string) Child[W] {
	return handle[W](&s.supervision, id, func() *child { return s.current().find(id) })
}

// All returns an iterator over the workers that are live, by id, in start
// order. It sees the children that there are when it begins, and of those the
// ones that are live when it comes to them.
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
