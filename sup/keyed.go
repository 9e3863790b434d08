package sup

import (
	"context"
	"iter"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
)

// A Keyed is a supervisor of children that come and go at run time: a dynamic
// set with one start function, which takes the key. Its strategy is
// one_for_one, and when it ends all children are stopped at once, under one
// timer. All methods are safe for concurrent use.
//
// The id of a child is the text of its key: what MarshalText returns, if its type
// has that method, and else what package fmt prints.
//
// Make one with [NewKeyed], or declare it as a field of a tree
// with [Keyed.Declare]. A key that is not equal to itself, such as a NaN, or that
// cannot be compared, in a K that is an interface, names nothing: [ErrKey].
type Keyed[K comparable, W Worker] struct {
	supervision
	max      int
	doubtful bool // a key of this type may name nothing
	policy   *policy
	start    func(ctx context.Context, key K) (W, error)
	members  atomic.Pointer[xsync.Map[K, *keyedMember[K, W]]] // of the current life; nil until declared
}

// A KeyedSpec declares a [Keyed]. The fields that it shares with [ChildSpec]
// are about each child.
type KeyedSpec[K comparable, W Worker] struct {
	// Name is the name of the set: the first part of its path, or its id in the
	// tree that declares it.
	Name string
	// Start makes the worker of a key, anew for each incarnation. Required.
	Start func(ctx context.Context, key K) (W, error)
	// Max bounds the number of declared children, whatever state they are in.
	// 0 means no bound.
	Max int
	// Intensity is how many restarts in the whole set are too many. Default
	// [DefaultIntensity].
	Intensity Intensity

	Restart      Restart
	Shutdown     time.Duration // of all children together, when the set stops
	StartTimeout time.Duration
	Backoff      Backoff
	Budget       Intensity
	Watchdog     time.Duration
	Stuck        WhenStuck

	Observers []Observer
	Labels    bool
	Record    int
}

func (k KeyedSpec[K, W]) policy() policy {
	return policy{k.Restart, false, k.Shutdown, k.StartTimeout, k.Backoff, k.Budget, k.Watchdog, k.Stuck, false}
}

func (k KeyedSpec[K, W]) faults(path string) []Fault {
	f := &faults{path: path}
	f.checkSupervisor(k.Name, OneForOne, k.Intensity, AutoShutdownNever, k.Observers, k.Record)
	if k.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker of a key")
	}
	if k.Max < 0 {
		f.add("Max", "%d is negative: use 0 for no bound", k.Max)
	}
	f.checkPolicy(k.policy(), AutoShutdownNever)
	return f.list
}

// NewKeyed returns an empty set that has not been started. Its Start starts it.
func NewKeyed[K comparable, W Worker](spec KeyedSpec[K, W]) *Keyed[K, W] {
	k := new(Keyed[K, W])
	k.setUp(spec)
	return k
}

// Declare sets the set up as a child of a tree.
func (k *Keyed[K, W]) Declare(spec KeyedSpec[K, W]) Member {
	k.setUp(spec)
	return nested(spec.Name, k, &k.supervision, ChildSpec[*Keyed[K, W]]{})
}

func (k *Keyed[K, W]) setUp(spec KeyedSpec[K, W]) {
	p := spec.policy().withDefaults()
	k.max, k.start, k.policy = spec.Max, spec.Start, &p
	switch reflect.TypeFor[K]().Kind() {
	case reflect.String, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Int32, reflect.Uint32, reflect.Pointer:
	default:
		k.doubtful = true
	}
	name := spec.Name
	if name == "" {
		name = "supervisor"
	}
	k.declare(&config{
		name:      name,
		intensity: spec.Intensity,
		set:       SetKeyed,
		max:       spec.Max,
		labels:    spec.Labels,
		record:    spec.Record,
		observers: append([]Observer(nil), spec.Observers...),
		faults:    spec.faults(escapeID(name)),
		keys:      k.keySet(),
		add:       k.addByText,
		populate:  func(*core) { k.members.Store(xsync.NewMap[K, *keyedMember[K, W]]()) },
	})
	k.members.Store(xsync.NewMap[K, *keyedMember[K, W]]())
}

// keyedMember is a child of a [Keyed].
type keyedMember[K comparable, W Worker] struct {
	child
	key K
	set *Keyed[K, W]
}

func (k *Keyed[K, W]) newMember(life *core, key K) *keyedMember[K, W] {
	m := &keyedMember[K, W]{key: key, set: k}
	if _, is := any(key).(int); !is { // whose text is cheap to make, and costs memory
		m.name = keyText(key)
	}
	newChild(&m.child, life, k.policy, m)
	return m
}

// text runs no code of the key's type: it may be called under the lock.
func (m *keyedMember[K, W]) text() string {
	text, _ := cheapText(m.key)
	return text
}

func (m *keyedMember[K, W]) incarnate() *incarnation { return newLife[W]() }
func (m *keyedMember[K, W]) start(inc *incarnation) error {
	w, err := m.set.start(inc, m.key)
	return made(inc, w, err)
}

func (m *keyedMember[K, W]) forget() {
	m.set.members.Load().Compute(m.key, func(old *keyedMember[K, W], loaded bool) (*keyedMember[K, W], xsync.ComputeOp) {
		if loaded && old == m {
			return nil, xsync.DeleteOp
		}
		return old, xsync.CancelOp
	})
}

// Start adds the child of a key and starts it. It returns when the child is
// ready; ctx bounds the wait for that. Errors are those of
// [Supervisor.StartChild], [ErrMaxChildren] if the set is full, and [ErrKey].
func (k *Keyed[K, W]) StartChild(ctx context.Context, key K) (Child[W], error) {
	if !nameable(key) {
		return noChild[W](), k.answer("start child", key, ErrKey)
	}
	life := k.current()
	m := k.newMember(life, key)
	err := life.addChild(ctx, &m.child, k.max, func() *child { return k.find(key) }, func() { k.members.Load().Store(key, m) })
	if err == nil { // the common case, without the text of the key
		return Child[W]{&m.self}, nil
	}
	return noChild[W](), callError("start child", m.path(), err)
}

// Get returns the worker of a key that is live and ready, or false if there is
// none at the moment. It takes no lock and allocates nothing.
func (k *Keyed[K, W]) Get(key K) (W, bool) {
	// The same as member, by hand: the call would cost a twentieth of a Get.
	if members := k.members.Load(); members != nil && (!k.doubtful || nameable(key)) {
		if m, ok := members.Load(key); ok {
			if inc := m.live.Load(); inc != nil {
				return lifeOf[W](inc).w, true
			}
		}
	}
	var none W
	return none, false
}

// Child returns a handle to the child of a key. See [Supervisor.Child].
func (k *Keyed[K, W]) Child(key K) Child[W] {
	return handle[W](&k.supervision, keyText(key), func() *child { return k.find(key) })
}

// Terminate stops the child of a key and keeps it declared. See
// [Supervisor.TerminateChild].
func (k *Keyed[K, W]) TerminateChild(ctx context.Context, key K) error {
	return k.answer("terminate", key, k.current().terminate(ctx, k.find(key), 0, false))
}

// Restart starts the child of a key that is stopped or quarantined. See
// [Supervisor.RestartChild].
func (k *Keyed[K, W]) RestartChild(ctx context.Context, key K) error {
	return k.answer("restart", key, k.current().restart(ctx, k.find(key), 0))
}

// DeleteChild removes the child of a key, which must be stopped or quarantined. See
// [Supervisor.DeleteChild].
func (k *Keyed[K, W]) DeleteChild(ctx context.Context, key K) error {
	return k.answer("delete", key, k.current().delete(ctx, k.find(key), 0))
}

// Remove stops the child of a key, if need be, and removes it. It returns when
// both is done. Errors are those of [Supervisor.TerminateChild]; after a
// [StuckError] or when ctx has ended, the child is removed when it has stopped.
func (k *Keyed[K, W]) RemoveChild(ctx context.Context, key K) error {
	life, c := k.current(), k.find(key)
	return k.answer("remove", key, life.remove(ctx, c))
}

// Len returns the number of declared children, whatever state they are in.
func (k *Keyed[K, W]) Len() int {
	if members := k.members.Load(); members != nil {
		return members.Size()
	}
	return 0
}

// All returns an iterator over the workers that are live, by key, in no order.
// It sees each child that is there all the while once, and one that comes or
// goes meanwhile at most once.
func (k *Keyed[K, W]) All() iter.Seq2[K, W] {
	return func(yield func(K, W) bool) {
		members := k.members.Load()
		if members == nil {
			return
		}
		for key, m := range members.All() {
			if w, ok := liveWorker[W](&m.child); ok && !yield(key, w) {
				return
			}
		}
	}
}

// nameable reports whether a key can be found again: a NaN is not equal to
// itself, and an interface may hold what cannot be compared.
func nameable[K comparable](key K) (ok bool) {
	defer func() { _ = recover() }()
	return key == key
}

func (k *Keyed[K, W]) member(key K) (*keyedMember[K, W], bool) {
	members := k.members.Load()
	if members == nil || k.doubtful && !nameable(key) {
		return nil, false
	}
	return members.Load(key)
}

func (k *Keyed[K, W]) find(key K) *child {
	if m, ok := k.member(key); ok {
		return &m.child
	}
	return nil
}

// answer is callError, for a key.
func (k *Keyed[K, W]) answer(op string, key K, err error) error {
	if err == nil {
		return nil
	}
	return callError(op, k.pathOf(keyText(key)), err)
}
