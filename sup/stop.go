package sup

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// endLocked lets the supervisor end. Its Run sees to the rest. Only the first
// call has an effect.
func (s *core) endLocked(cause *StopError, failure error) {
	if s.life.phase >= ending {
		return
	}
	s.life.phase = ending
	s.life.stopCause = cause
	s.failLocked(failure)
	close(s.signal.stop)
}

// endByLocked is endLocked for a supervisor that was asked to end, and says by what.
func (s *core) endByLocked(cause *StopError, how error) {
	if s.life.phase < ending {
		s.life.endCause = how
	}
	s.endLocked(cause, nil)
}

// errShutdownCalled is how a supervisor ends that Shutdown was called on.
var errShutdownCalled = &alias{ErrShutdown, "call of Shutdown"}

// An endedContext is how a supervisor ends whose context has ended.
type endedContext struct {
	stop     *StopError // what its children see
	deadline bool
}

// contextEnd says how a supervisor ends whose context has ended. Of a nested one it is
// why the one above has asked it to stop.
func contextEnd(ctx context.Context, stop *StopError) error {
	if stop == context.Cause(ctx) {
		return stop
	}
	return &endedContext{stop, ctx.Err() == context.DeadlineExceeded}
}

func (e *endedContext) Error() string {
	text := "cancellation of the supervisor's context"
	if e.deadline {
		text = "deadline of the supervisor's context"
	}
	if cause := e.stop.Err; cause != context.Canceled && cause != context.DeadlineExceeded {
		return withCause(text, cause)
	}
	return text
}

// Unwrap returns the error that wraps ErrShutdown and the cause of the context, and
// context.Canceled or context.DeadlineExceeded, whatever that cause is.
func (e *endedContext) Unwrap() []error {
	if e.deadline {
		return []error{e.stop, context.DeadlineExceeded}
	}
	return []error{e.stop, context.Canceled}
}

// failLocked makes a failure, if it is the first of a supervisor that ends, what
// that ends with.
func (s *core) failLocked(failure error) {
	if failure == nil || s.life.failure != nil || s.life.phase != ending {
		return
	}
	s.life.failure = failure
	s.emitLocked(SupervisorFailed, Exit{ExitAbnormal, failure})
}

// drive waits until the supervisor is to end, and ends it. It is what Run does
// once the children are ready.
func (s *core) drive(ctx context.Context) error {
	select {
	case <-s.signal.stop:
	case <-ctx.Done():
		cause := stopCauseOf(ctx)
		how := contextEnd(ctx, cause)
		s.mu.Lock()
		s.endByLocked(cause, how)
		s.mu.Unlock()
	}
	s.stopChildren()
	s.finish()
	return s.life.failure
}

// stopCauseOf is the cause that children see when ctx, that of their
// supervisor, is cancelled: for a nested one that of its own stop.
func stopCauseOf(ctx context.Context) *StopError {
	cause := causeOf(ctx)
	if stop, ok := cause.(*StopError); ok {
		return stop
	}
	return &StopError{Reason: ReasonShutdown, Err: cause}
}

// sweep stops all children: in reverse start order and one after the other
// (X1), or, of a set, all at once (X3). What is left then is stuck, or brutal.
func (s *core) stopChildren() {
	if s.config.set != SetNone {
		s.stopSet()
	} else {
		s.stopInOrder()
	}
	s.mu.Lock()
	s.life.childrenStopped = true
	s.life.asking = closeMade(s.life.asking)
	s.mu.Unlock()
	s.reportStuck()
}

// awaitQuiet waits until no goroutine is left, and reports false if, unless it
// is to wait for those too, only stuck children hold it up.
func (s *core) awaitQuiet(stuckToo bool) bool {
	for {
		s.mu.Lock()
		quiet, held := s.quietLocked(), s.list.stuck > 0 && !stuckToo
		s.mu.Unlock()
		if quiet == nil || held {
			return quiet == nil
		}
		<-quiet
	}
}

func (s *core) stopInOrder() {
	s.mu.Lock()
	children := s.cursorLocked(s.list.last, true)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		c := children.nextLocked()
		if c == nil {
			children.endLocked()
			s.mu.Unlock()
			return
		}
		inc := s.stopForEndLocked(c, s.now())
		s.mu.Unlock()
		if inc == nil {
			continue
		}
		inc.cancel(s.life.stopCause)
		s.awaitStopOrDetach(inc)
	}
}

// setBatch is how many children of a set are told to stop under one lock.
const setBatch = 1024

func (s *core) stopSet() {
	s.mu.Lock()
	children := s.cursorLocked(s.list.last, true)
	s.mu.Unlock()
	batch := make([]*incarnation, 0, setBatch)
	var left, patient []*incarnation // with a time to stop in, and with any
	var latest time.Duration
	sorted := true // left is, by the ends of that time
	now := s.now() // one for all
	for more := true; more; {
		batch = batch[:0]
		s.mu.Lock()
		for len(batch) < setBatch {
			c := children.nextLocked()
			if c == nil {
				children.endLocked()
				more = false
				break
			}
			if inc := s.stopForEndLocked(c, now); inc != nil {
				batch = append(batch, inc)
				if inc.stopBy != Infinity {
					left = append(left, inc)
					sorted = sorted && latest <= inc.stopBy
					latest = inc.stopBy
				} else {
					patient = append(patient, inc)
				}
			}
		}
		s.mu.Unlock()
		for _, inc := range batch {
			inc.cancel(s.life.stopCause)
		}
	}
	s.awaitSet(left, sorted)
	for _, inc := range patient {
		s.awaitGone(context.Background(), inc)
	}
}

// awaitSet waits until some incarnations have ended, or are stuck.
func (s *core) awaitSet(left []*incarnation, sorted bool) {
	if len(left) == 0 {
		return
	}
	s.mu.Lock()
	length := left[0].stopTimeLocked() // of all: the members of a set share their policy
	if !sorted {
		sortByStopLocked(left)
	}
	now := s.now()
	wait := late.Wait(left[0].stopBy-now, length)
	s.mu.Unlock()
	look := now + wait // when the timer is to fire
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		quiet, onlyStuck := s.quietLocked(), s.goroutines.running <= s.list.stuck
		s.mu.Unlock()
		if onlyStuck {
			return
		}
		select {
		case <-quiet:
			continue
		case <-timer.C:
		}
		now, over := s.now(), 0
		s.mu.Lock()
		if late.Stopped(length, now-look) {
			extendStopsLocked(left, now)
		}
		for over < len(left) && left[over].stopBy <= now {
			over++
		}
		s.mu.Unlock()
		s.overdue(left[:over]...)
		if left = left[over:]; len(left) == 0 {
			return
		}
		s.mu.Lock()
		wait := late.Wait(left[0].stopBy-now, length)
		s.mu.Unlock()
		look = now + wait
		timer.Reset(wait)
	}
}

func sortByStopLocked(incs []*incarnation) {
	slices.SortStableFunc(incs, func(a, b *incarnation) int { return cmp.Compare(a.stopBy, b.stopBy) })
}

// extendStopsLocked gives some incarnations of one supervisor their time for
// stopping once more, because the whole program was stopped meanwhile.
func extendStopsLocked(incs []*incarnation, now time.Duration) {
	for _, inc := range incs {
		if !inc.extended {
			inc.stopBy, inc.extended = late.Begin(now, inc.stopTimeLocked()).End, true
		}
	}
	sortByStopLocked(incs)
}

// stopTimeLocked is how long an incarnation has for stopping. Nobody waits for a
// brutal one, but it is missed if it never goes.
func (inc *incarnation) stopTimeLocked() time.Duration {
	if grace := inc.child.policy.grace(inc.supervisor); grace != Brutal {
		return grace
	}
	return DefaultShutdown
}

// stopLooks returns a function that says when a timer has to look whether the time
// of an incarnation for stopping is over. It is called with the lock held, before
// the timer is set and each time that it has fired, and returns how long the timer
// has to run; 0 if the time is over.
func (inc *incarnation) stopLooks(began time.Duration) func(now time.Duration) time.Duration {
	look := began
	return func(now time.Duration) time.Duration {
		limit := late.Limit{Length: inc.stopTimeLocked(), End: inc.stopBy, Due: look, Extended: inc.extended}
		wait := limit.Next(now)
		inc.stopBy, inc.extended, look = limit.End, limit.Extended, limit.Due
		return wait
	}
}

// stopForEndLocked tells a child to stop because the supervisor ends, and
// returns the incarnation to cancel and wait for, if there is one.
func (s *core) stopForEndLocked(c *child, now time.Duration) *incarnation {
	inc := c.cur
	switch {
	case inc == nil && c.state == StateRestarting:
		s.comeToRestLocked(c, now)
		return nil
	case inc == nil:
		c.wakeLocked() // who waits for one whose turn never came has to look further
		return nil
	case c.state == StateStuck:
		return nil
	}
	s.requestStopLocked(inc, intentStop, now)
	return inc
}

// tell tells an incarnation to stop: its time for that begins now.
func (s *core) requestStop(inc *incarnation, f stopIntent, cause *StopError) {
	s.mu.Lock()
	if inc.over {
		s.mu.Unlock()
		return
	}
	s.requestStopLocked(inc, f, s.now())
	s.mu.Unlock()
	inc.cancel(cause)
}

// tellLocked is tell without the cancellation, which must follow when the lock
// has been let go.
func (s *core) requestStopLocked(inc *incarnation, f stopIntent, now time.Duration) {
	inc.intent = max(inc.intent, f)
	if s.life.phase >= ending {
		s.life.asked = true
		s.life.asking = closeMade(s.life.asking)
	}
	s.stoppingLocked(inc, now, eventDraft{kind: ChildStopping})
}

// stoppingLocked is where the time for stopping begins.
func (s *core) stoppingLocked(inc *incarnation, now time.Duration, e eventDraft) {
	if inc.stopBy != 0 {
		return
	}
	c := inc.child
	inc.stopBy = late.Begin(now, inc.stopTimeLocked()).End
	c.live.Store(nil)
	if inc.begun {
		c.moveLocked(StateStopping, now, e)
	}
}

// boundStopLocked lets a timer see to it that the time for stopping is kept,
// for stops that nobody waits for.
func (s *core) boundStopLocked(inc *incarnation) {
	if inc.stopBy != Infinity {
		s.armLocked(inc, inc.stopLooks(s.now()), func(inc *incarnation) { s.overdue(inc) })
	}
}

// stopDeadline is the deadline of Terminate, if it has one.
func (s *core) stopDeadline(inc *incarnation) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case inc.child.policy.shutdown == Brutal:
		return s.born, true // has passed
	case inc.stopBy == Infinity:
		return time.Time{}, false
	}
	return s.born.Add(inc.stopBy), true
}

// letGo waits, in an ordered stop, for an incarnation that was told to stop;
// not for a brutal one.
func (s *core) awaitStopOrDetach(inc *incarnation) {
	if inc.child.policy.shutdown != Brutal {
		s.awaitGone(context.Background(), inc)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !inc.over {
		s.boundStopLocked(inc)
	}
}

// awaitGone waits until an incarnation that was told to stop has, or is stuck.
// If ctx ends before, it returns the cause of that, and leaves a timer to
// watch over the rest.
func (s *core) awaitGone(ctx context.Context, inc *incarnation) error {
	c := inc.child
	var looks func(now time.Duration) time.Duration
	var timer *time.Timer
	var expired <-chan time.Time // nil if no timer runs
	for turn := 0; ; turn++ {
		if turn < yields {
			runtime.Gosched()
		}
		s.mu.Lock()
		if inc.over || c.state == StateStuck {
			s.mu.Unlock()
			return nil
		}
		if turn < yields {
			s.mu.Unlock()
			continue
		}
		changed, bounded, wait := c.changedLocked(), inc.stopBy != Infinity && expired == nil, time.Duration(0)
		if bounded {
			now := s.now()
			if looks == nil {
				looks = inc.stopLooks(now)
			}
			wait = looks(now)
		}
		s.mu.Unlock()
		switch {
		case bounded && wait == 0:
			s.overdue(inc)
			continue
		case bounded && timer == nil:
			timer = time.NewTimer(wait)
			defer timer.Stop()
			expired = timer.C
		case bounded:
			timer.Reset(wait)
			expired = timer.C
		}
		select {
		case <-changed:
		case <-expired:
			expired = nil
		case <-ctx.Done():
			cause := causeOf(ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			if !inc.over && c.state != StateStuck {
				s.boundStopLocked(inc)
			}
			return cause
		}
	}
}

// finish is the last thing that a supervisor does, when all children have been
// swept: it waits for the rest.
func (s *core) finish() {
	s.awaitQuiet(true)
	s.mu.Lock()
	s.life.phase = ended
	s.emitLocked(SupervisorStopped, s.endExitLocked())
	s.mu.Unlock()
	s.mergeIntoParent(s.above)
	s.ended.Store(true)
	close(s.signal.gone)
	s.events.close()
	close(s.signal.done)
}

// endUndriven ends the life of the supervisor that an incarnation is, where its
// Initialize has begun one and no Run has come to drive it: a worker that embeds a
// supervisor may fail between the two.
func (s *core) endUndriven(inc *incarnation) {
	if !inc.supervisor { // which this goroutine has noted
		return
	}
	life := inc.supervision().current()
	if life.host != inc {
		return
	}
	life.mu.Lock()
	left := !life.life.driven && (life.life.phase == serving || life.life.phase == ending)
	if left {
		life.life.driven = true
		life.endLocked(&StopError{Reason: ReasonShutdown}, nil)
	}
	life.mu.Unlock()
	if left {
		s.beginTermination(inc)
		life.stopChildren()
		life.finish()
	}
}

// endExitLocked is how the supervisor has ended: with a failure, because it was asked
// to, or, normally, with its significant children.
func (s *core) endExitLocked() Exit {
	switch {
	case s.life.failure != nil:
		return Exit{ExitAbnormal, s.life.failure}
	case s.life.endCause != nil:
		return Exit{ExitShutdown, s.life.endCause}
	}
	return Exit{Kind: ExitNormal}
}
