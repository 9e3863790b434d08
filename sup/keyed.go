package sup

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
)

// A Keyed is a supervisor whose children are added and removed at run time, by key. All
// children have the same start function, which takes the key. All methods are safe for
// concurrent use.
//
// The strategy is [OneForOne]. When the set ends, all children are asked to stop at
// once, and one timer bounds the stop of all.
//
// The id of a child is the text of its key. It is the result of MarshalText if the key
// type has that method, and otherwise the text that package fmt prints.
//
// Make one with [NewKeyed], or declare it as a field of a tree with [Keyed.Declare].
//
// A key must be equal to itself, which a NaN is not. If K is an interface type, the value
// in it must be comparable. [Keyed.StartChild] returns [ErrKey] for any other key.
type Keyed[K comparable, W Worker] struct {
	supervision
	max      int
	doubtful bool // a key of this type may fail nameable
	policy   *policy
	start    func(ctx context.Context, key K) (W, error)
	members  atomic.Pointer[xsync.Map[K, *keyedMember[K, W]]] // of the current life; nil until declared
}

// A KeyedSpec declares a [Keyed]. Zero fields mean the documented defaults.
//
// The defaults suit a single worker, and seldom a set. Children are
// [Permanent], so one that ends normally is restarted too, and each restart counts. By
// default, the fourth restart within 5 s over all keys together ends the whole set: four
// sessions that log out, or keys that fail together because of a server that all of them
// use. For children that end by themselves, such as sessions and jobs, set Restart to
// [Temporary] or [Transient]. For others, set a Budget for each child, or an Intensity in
// proportion to the number of keys, or [Unlimited] with a Backoff.
type KeyedSpec[K comparable, W Worker] struct {
	// Name is the path of the set if it has no parent, and its id in the tree that
	// declares it. "" means "supervisor" without a parent. A tree requires a name.
	Name string
	// Needs are the ids of siblings that the set needs in a tree under
	// [OneForDependents]. See [ChildSpec].
	Needs []string
	// Start returns a new worker for a key, for each incarnation. It is required. It
	// is called with the context of the incarnation. See also [ErrIgnore].
	Start func(ctx context.Context, key K) (W, error)
	// Max is the largest number of declared children, in any state. 0 means no limit.
	Max int
	// Intensity limits the restarts of all children together. If it is exceeded, the set
	// ends. The zero value means [DefaultIntensity], 3 restarts in 5 s over all keys.
	Intensity Intensity

	// Restart says when a child is restarted. The default is [Permanent]: after a normal
	// exit too.
	Restart Restart
	// Shutdown is the time that a child has for stopping before it is stuck, or
	// [Infinity], or [Brutal]. All children together have that time when the set stops.
	// 0 means [DefaultShutdown] for workers and Infinity for supervisors.
	Shutdown time.Duration
	// StartTimeout is the time that Start and Initialize of a child have together. 0
	// means no limit.
	StartTimeout time.Duration
	// Backoff delays the restarts of each child. The zero value means no delay.
	Backoff Backoff
	// Budget, if set, is an intensity for each child alone. Restarts then do not count
	// towards the Intensity of the set. A child that exceeds its Budget is quarantined.
	Budget Intensity
	// Watchdog is the time that a running worker may go without a call of [Beat] before
	// it is unhealthy. 0 means no watchdog.
	Watchdog time.Duration
	// Stuck says what happens when a child does not stop in time. The default is
	// [StuckWait].
	Stuck WhenStuck

	// StopWithin is the time for the whole stop, from the moment at which the supervisor is
	// asked to end or gives up. 0 means no limit. At nine tenths of it, or 100 ms before its
	// end if that is earlier, all children that have not been asked to stop are asked at
	// once. At its end the rest is stuck and not waited for any longer, and Shutdown returns
	// a [StuckError]. A nested supervisor has at most the rest of the time of its parent.
	// Restarts of children are not bounded by it.
	StopWithin time.Duration
	// Observers receive every event of the set and its descendants.
	Observers []Observer
	// Labels sets pprof labels on the goroutines of all workers. See [Spec].
	Labels bool
	// Record is the number of events that the set keeps. 0 means the number of the
	// parent, or [DefaultRecord] without one. A negative number means none. See [Spec].
	Record int
}

func (k KeyedSpec[K, W]) policy() policy {
	return policy{k.Restart, false, k.Shutdown, k.StartTimeout, k.Backoff, k.Budget, k.Watchdog, k.Stuck, false}
}

func (k KeyedSpec[K, W]) faults(path string) []Fault {
	f := &faults{path: path}
	f.checkSupervisor(k.Name, OneForOne, k.Intensity, AutoShutdownNever, k.Observers, k.Record)
	f.checkTime("StopWithin", k.StopWithin)
	if k.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker of a key")
	}
	if k.Max < 0 {
		f.add("Max", "%d is negative: use 0 for no bound", k.Max)
	}
	f.checkPolicy(k.policy(), AutoShutdownNever)
	return f.list
}

// NewKeyed returns an empty set that has not been started. [Keyed.Start] starts it, and
// returns a [SpecError] if the spec has faults.
func NewKeyed[K comparable, W Worker](spec KeyedSpec[K, W]) *Keyed[K, W] {
	k := new(Keyed[K, W])
	k.setUp(spec)
	return k
}

// Declare makes k a set with the given spec and returns the member of a tree that
// declares it. The name of the spec is the id of the set in the tree. Declare must not be
// called after [NewKeyed] or twice.
func (k *Keyed[K, W]) Declare(spec KeyedSpec[K, W]) Member {
	k.setUp(spec)
	return nested(spec.Name, k, &k.supervision, ChildSpec[*Keyed[K, W]]{Needs: spec.Needs})
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
		name:       name,
		intensity:  spec.Intensity,
		set:        SetKeyed,
		max:        spec.Max,
		stopWithin: spec.StopWithin,
		labels:     spec.Labels,
		record:     spec.Record,
		observers:  append([]Observer(nil), spec.Observers...),
		faults:     spec.faults(escapeID(name)),
		keys:       k.keySet(),
		add:        k.addByText,
		populate:   func(*core) { k.members.Store(xsync.NewMap[K, *keyedMember[K, W]]()) },
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
	if _, is := any(key).(int); !is { // the text of an int is cheap to make, and storing it would cost memory
		m.name = keyText(key)
	}
	newChild(&m.child, life, k.policy, m)
	return m
}

// text returns the id if the name does not hold it. It may be called with the lock held,
// so it runs no code of the key's type.
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

// StartChild adds a child for the key, starts it, and returns when it is ready. ctx
// bounds that wait. To get the child of a key whether or not it is there, use
// [Keyed.Ensure].
//
// Errors, in a [CallError]: [ErrMaxChildren] if the set has Max children; [ErrKey] if the
// key is not equal to itself or not comparable; and all errors of
// [Supervisor.StartChild] except a [SpecError]. With [ErrAlreadyRunning], [ErrRestarting]
// and [ErrAlreadyDeclared], the handle refers to the child that has the key.
func (k *Keyed[K, W]) StartChild(ctx context.Context, key K) (Child[W], error) {
	if !nameable(key) {
		return noChild[W](), k.answer("start child", key, ErrKey)
	}
	life := k.current()
	m := k.newMember(life, key)
	other, err := k.add(ctx, life, m)
	if err == nil { // the common case: the text of the key is not needed
		return Child[W]{&m.self}, nil
	}
	return handleOf[W](other), callError("start child", m.path(), err)
}

// add adds a member to a life of the set. It returns the child that has the key already,
// with the error.
func (k *Keyed[K, W]) add(ctx context.Context, life *core, m *keyedMember[K, W]) (other *child, err error) {
	return life.addChild(ctx, &m.child, k.max, nil, func() *child { return k.find(m.key) }, func() { k.members.Load().Store(m.key, m) })
}

// StartAll adds a child for each key, starts them side by side, and returns when all are
// ready or have failed. A key that is there already is left alone, and is no error. Each
// key is for itself: a child that fails to start is removed, and the others stay.
//
// The error joins one error of [Keyed.StartChild] for each key that failed. If ctx ends,
// StartAll takes no further key, and removes the children that are still starting. If the
// set does not run or begins to end, the error wraps [ErrNotRunning], and no further key
// is taken.
//
// keys may call methods of the set.
func (k *Keyed[K, W]) StartAll(ctx context.Context, keys iter.Seq[K]) error {
	life := k.current()
	var failures []error
	var started []*incarnation
	batch := make([]addition, 0, setBatch)
	ofKey := make([]K, 0, setBatch)
	flush := func() error {
		members := k.members.Load()
		err := life.addBatch(batch, k.max,
			func(i int) *child { return k.find(ofKey[i]) },
			func(i int) { members.Store(ofKey[i], batch[i].child.slot.(*keyedMember[K, W])) })
		for _, a := range batch {
			if a.inc != nil {
				started = append(started, a.inc)
			}
			if a.err != nil {
				failures = append(failures, callError("start child", a.child.path(), a.err))
			}
		}
		batch, ofKey = batch[:0], ofKey[:0]
		return err
	}
	err := life.admit()
	if err == nil {
		for key := range keys {
			if err = cancelledBefore(ctx); err != nil {
				break
			}
			if !nameable(key) {
				failures = append(failures, k.answer("start child", key, ErrKey))
				continue
			}
			if k.find(key) != nil {
				continue
			}
			batch, ofKey = append(batch, addition{child: &k.newMember(life, key).child}), append(ofKey, key)
			if len(batch) == setBatch {
				if err = flush(); err != nil {
					break
				}
			}
		}
	}
	if err == nil {
		err = flush()
	}
	before := len(failures)
	life.awaitAll(ctx, started, func(c *child, err error) {
		failures = append(failures, callError("start child", c.path(), err))
	})
	slices.Reverse(failures[before:])
	if err != nil {
		failures = append(failures, callError("start children", life.path, err))
	}
	return errors.Join(failures...)
}

// Get returns the live worker of a key, or false if no worker is ready now. It takes no
// lock and does not allocate.
func (k *Keyed[K, W]) Get(key K) (W, bool) {
	// This is member, inlined by hand: the call would cost a twentieth of Get.
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

// Child returns a handle to the child with the given key. See [Supervisor.Child].
func (k *Keyed[K, W]) Child(key K) Child[W] {
	return handle[W](&k.supervision, keyText(key), func() *child { return k.find(key) })
}

// TerminateChild stops the child with the given key and keeps it declared. See
// [Supervisor.TerminateChild] for the errors.
func (k *Keyed[K, W]) TerminateChild(ctx context.Context, key K) error {
	return k.answer("terminate", key, k.current().terminate(ctx, k.find(key), 0, false))
}

// RestartChild starts the child with the given key if it is stopped or quarantined. See
// [Supervisor.RestartChild] for the errors.
func (k *Keyed[K, W]) RestartChild(ctx context.Context, key K) error {
	return k.answer("restart", key, k.current().restart(ctx, k.find(key), 0))
}

// DeleteChild removes the child with the given key if it is stopped or quarantined. See
// [Supervisor.DeleteChild] for the errors, and [Keyed.RemoveChild] for a child that runs.
func (k *Keyed[K, W]) DeleteChild(ctx context.Context, key K) error {
	return k.answer("delete", key, k.current().delete(ctx, k.find(key), 0))
}

// RemoveChild stops the child with the given key, if it runs, and removes it. It returns
// when the child has been removed, with nil or an error of [Supervisor.TerminateChild].
// After a [StuckError] or the end of ctx, the child is removed as soon as it has stopped.
func (k *Keyed[K, W]) RemoveChild(ctx context.Context, key K) error {
	life, c := k.current(), k.find(key)
	return k.answer("remove", key, life.remove(ctx, c))
}

// Len returns the number of declared children, in any state.
func (k *Keyed[K, W]) Len() int {
	if members := k.members.Load(); members != nil {
		return members.Size()
	}
	return 0
}

// All returns an iterator over the keys and live workers of the children, in no order.
// It skips children without a live worker. A child that is added or removed during the
// iteration is seen once or not at all.
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

// nameable reports whether a key can be found again in a map. A NaN cannot, because it is
// not equal to itself. Comparing an interface that holds an incomparable value panics.
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

// answer is callError for a key. It makes the text of the key only if there is an error.
func (k *Keyed[K, W]) answer(op string, key K, err error) error {
	if err == nil {
		return nil
	}
	return callError(op, k.pathOf(keyText(key)), err)
}
