package sup

import (
	"context"
	"iter"
	"time"
)

// AnySupervisor is a supervisor of any type: [Supervisor], [Keyed], [Replicas],
// [Stateful], [Tree], and whatever embeds one, such as a declared tree.
type AnySupervisor interface {
	Worker
	hasBase
}

// An Inspector shows a supervisor and everything below it to who does not know
// the types of its children: a page, a command, a program on another machine.
// It is the same for a supervisor in this process, see [Inspect], and for one
// that is reached over a network. It changes nothing, its methods are safe for
// concurrent use, and like all queries they wait for no start, stop or round.
//
// A path is that of an event or a snapshot, such as "orders/feeds/ACME"; "" is
// the supervisor that is inspected. What a worker supervises for itself,
// without being a supervisor, is not reached. Errors are in a [CallError]:
// [ErrNotFound]; where children are asked for, [ErrNoSupervisor] if the child is
// a worker, and [ErrNotRunning] if it is a supervisor that is down.
type Inspector interface {
	// Status returns a summary of the supervisor at a path: counts of its children, and
	// of those further down, by state, in place of the children. Its cost grows with
	// the number of supervisors, and not with that of other children.
	Status(ctx context.Context, path string) (SupervisorInfo, error)
	// Tree returns a snapshot of the supervisor at a path, and everything below
	// it. Each supervisor's part is of one moment.
	Snapshot(ctx context.Context, path string) (SupervisorInfo, error)
	// Children returns a snapshot of the children of the supervisor at a path,
	// in start order.
	Children(ctx context.Context, path string) ([]ChildInfo, error)
	// Child returns a snapshot of the child at a path, without what is below
	// it.
	Child(ctx context.Context, path string) (ChildInfo, error)
	// Stacks returns the stacks of the goroutines of the child at a path, and
	// of those that it has started with [Go]; "" if there are none. It stops
	// the program for about a microsecond for each goroutine that there is, and
	// with more than 100,000 it says so instead.
	Stacks(ctx context.Context, path string) (string, error)
	// Events returns the events of the child or supervisor at a path, and of
	// everything below it: first those that are still on record (see
	// [Spec.Record]) and later than the one numbered after, then each as it
	// comes, until ctx ends, or the supervisor that is inspected does. With
	// [FromNow] nothing on record is told. The numbers only rise, so that a stream
	// that was cut goes on with the last number that was seen.
	//
	// An error that wraps a [SkippedError] tells that events were lost before
	// the next one, since the record was too small or the reader too slow; the
	// stream goes on. After any other error it is over.
	Events(ctx context.Context, path string, after uint64) iter.Seq2[Event, error]
}

// FromNow is given to [Inspector.Events] by who wants nothing of the past.
const FromNow = ^uint64(0)

// Inspect returns the inspector of a supervisor in this process. Of a nil one it
// shows a supervisor that was never started. With a context that has ended, its Events
// yields what is on record, and ends.
func Inspect(s AnySupervisor) Inspector { return operator{baseOf(s)} }

// faceOf asks s which supervisor it is; an embedded pointer to one may be nil.
func baseOf(s AnySupervisor) (face *supervision) {
	defer func() {
		if recover() != nil {
			face = new(supervision)
		}
	}()
	return s.base()
}

// operator reaches what is below a supervisor by its path.
type operator struct{ base *supervision }

func (o operator) Status(_ context.Context, path string) (SupervisorInfo, error) {
	life, err := o.supervisor("query", path)
	if err != nil {
		return SupervisorInfo{}, err
	}
	status := life.status()
	life.countBelow(status.Below)
	return status, nil
}

func (o operator) Snapshot(_ context.Context, path string) (SupervisorInfo, error) {
	life, err := o.supervisor("query", path)
	if err != nil {
		return SupervisorInfo{}, err
	}
	return life.tree(), nil
}

func (o operator) Children(_ context.Context, path string) ([]ChildInfo, error) {
	life, err := o.supervisor("query", path)
	if err != nil {
		return nil, err
	}
	info, _ := life.look()
	return info.Children, nil
}

func (o operator) Child(_ context.Context, path string) (ChildInfo, error) {
	c, err := o.child("query", path)
	if err != nil {
		return ChildInfo{}, err
	}
	info, _ := c.sup.info(c)
	return info, nil
}

func (o operator) Stacks(_ context.Context, path string) (string, error) {
	c, err := o.child("query", path)
	if err != nil {
		return "", err
	}
	s := c.sup
	s.mu.Lock()
	inc := c.cur
	s.mu.Unlock()
	if inc == nil {
		return "", nil
	}
	return s.abandoned.dump().of(inc), nil
}

// status returns the summary of a supervisor, without the counts of what is further
// down. It costs the same for ten children and for a million.
func (s *core) status() SupervisorInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := s.summaryLocked()
	info.Seq = s.events.notifier.seq.Load()
	info.States, info.Below = make(map[State]int), make(map[State]int)
	s.countLocked(info.States)
	return info
}

// summaryLocked returns what a status and a snapshot of a supervisor have in common.
func (s *core) summaryLocked() SupervisorInfo {
	info := SupervisorInfo{
		Name:      s.config.name,
		Path:      s.path,
		Strategy:  s.config.strategy,
		Intensity: s.config.intensity,
		Set:       s.config.set,
		Max:       s.config.max,
		Running:   s.life.phase == serving,
	}
	info.Uptime, info.Restarts = s.upLocked()
	return info
}

func (s *core) countLocked(states map[State]int) {
	for state, n := range s.list.states {
		if n > 0 {
			states[State(state)] += n
		}
	}
}

// countBelow counts the children of the supervisors among the children, and of
// those below them: each supervisor's part is of one moment.
func (s *core) countBelow(states map[State]int) {
	for _, below := range s.nested() {
		below.mu.Lock()
		below.countLocked(states)
		below.mu.Unlock()
		below.countBelow(states)
	}
}

// upLocked returns for how long the supervisor has been up, and how many
// restarts count within the window now.
func (s *core) upLocked() (time.Duration, int) {
	if s.life.phase == created || s.life.phase == ended {
		return 0, 0
	}
	now := s.now()
	s.restarts.window.slide(now)
	return now, s.restarts.window.size
}
