package sup

import (
	"context"
	"iter"
	"time"
)

// AnySupervisor is implemented by [Supervisor], [Keyed], [Replicas], [Stateful], [Tree]
// and every type that embeds one of them, such as a declared tree.
type AnySupervisor interface {
	Worker
	hasBase
}

// An Inspector gives read-only access to a supervisor and its descendants without
// knowledge of their types. It serves web pages, commands and programs on other machines.
// [Inspect] returns one for a supervisor in this process. All methods are safe for
// concurrent use, and do not wait for starts, stops or rounds.
//
// Paths are those in events and snapshots, such as "orders/feeds/ACME". "" is the
// inspected supervisor itself. A supervisor that a worker runs privately is not reached.
//
// Errors are in a [CallError]: [ErrNotFound] if no child has the path; [ErrNoSupervisor]
// if the child must be a supervisor and is a worker; [ErrNotRunning] if the child must be
// a supervisor that runs and is down.
type Inspector interface {
	// Status returns a summary of the supervisor at a path. It counts the children and
	// the other descendants by state instead of listing them. Its cost grows with the
	// number of supervisors, and not with the number of workers.
	Status(ctx context.Context, path string) (SupervisorInfo, error)
	// Snapshot returns a snapshot of the supervisor at a path and all its descendants.
	// The part of each supervisor shows one moment.
	Snapshot(ctx context.Context, path string) (SupervisorInfo, error)
	// Children returns a snapshot of the children of the supervisor at a path, in start
	// order.
	Children(ctx context.Context, path string) ([]ChildInfo, error)
	// Child returns a snapshot of the child at a path, without its descendants.
	Child(ctx context.Context, path string) (ChildInfo, error)
	// Stacks returns the stacks of the goroutines of the child at a path, or "" if it has
	// none. Goroutines started with [Go] are included. The call stops the program for
	// about a microsecond per goroutine of the program. If the program has more than
	// 100,000 goroutines, the result is a line that says so.
	Stacks(ctx context.Context, path string) (string, error)
	// Events returns a stream of the events of the child or supervisor at a path and its
	// descendants. It begins with the recorded events whose number is greater than after,
	// see [Spec.Record]. It then yields each event as it occurs, until ctx or the inspected
	// supervisor ends. If after is [FromNow], it skips the recorded events.
	//
	// Event numbers only rise. To resume a stream, pass the number of the last event
	// received.
	//
	// An error that wraps a [SkippedError] reports that events before the next one were
	// lost, because the record was too small or the reader too slow. The stream goes on.
	// Any other error ends it.
	Events(ctx context.Context, path string, after uint64) iter.Seq2[Event, error]
}

// FromNow, passed to [Inspector.Events], skips recorded events.
const FromNow = ^uint64(0)

// Inspect returns the inspector of a supervisor in this process. If s is nil, the
// inspector shows a supervisor that was never started. If the context given to Events has
// ended, the stream yields the recorded events and ends.
func Inspect(s AnySupervisor) Inspector { return operator{baseOf(s)} }

// baseOf returns the supervision of s. If s embeds a nil pointer, its base method panics,
// and baseOf returns an undeclared supervision.
func baseOf(s AnySupervisor) (face *supervision) {
	defer func() {
		if recover() != nil {
			face = new(supervision)
		}
	}()
	return s.base()
}

// operator implements [Controller] for the descendants of base.
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

// status returns the summary of a supervisor, except for the counts in Below. Its cost
// does not depend on the number of children.
func (s *core) status() SupervisorInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := s.summaryLocked()
	info.Seq = s.events.notifier.seq.Load()
	info.States, info.Below = make(map[State]int), make(map[State]int)
	s.countLocked(info.States)
	return info
}

// summaryLocked returns the fields that a summary and a snapshot have in common.
func (s *core) summaryLocked() SupervisorInfo {
	info := SupervisorInfo{
		Name:         s.config.name,
		Path:         s.path,
		Strategy:     s.config.strategy,
		Intensity:    s.config.intensity,
		AutoShutdown: s.config.auto,
		Set:          s.config.set,
		Max:          s.config.max,
		Running:      s.life.phase == serving,
		LastEvent:    s.record.last,
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

// countBelow adds the descendants other than children to states. The part of each
// supervisor shows one moment.
func (s *core) countBelow(states map[State]int) {
	for _, below := range s.nested() {
		below.mu.Lock()
		below.countLocked(states)
		below.mu.Unlock()
		below.countBelow(states)
	}
}

// upLocked returns how long the supervisor has been up, and the number of restarts within
// the window now.
func (s *core) upLocked() (time.Duration, int) {
	if s.life.phase == created || s.life.phase == ended {
		return 0, 0
	}
	now := s.now()
	s.restarts.window.slide(now)
	return now, s.restarts.window.size
}
