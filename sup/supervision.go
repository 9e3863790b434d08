package sup

import (
	"context"
	"time"
)

// declare sets the configuration. It is called once, by the constructor.
func (f *supervision) declare(d *config) {
	if d.name == "" {
		d.name = "supervisor"
	}
	d.intensity = d.intensity.withDefault(DefaultIntensity)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.config = d
	f.life.Store(f.placeholder())
}

// placeholder returns a life that is never started. It is what handles and snapshots
// see until prepare replaces it.
func (f *supervision) placeholder() *core {
	s := newCore(context.Background(), f.config, f)
	if len(f.config.faults) == 0 {
		f.config.populate(s)
	}
	return s
}

// prepare makes a new life the current one, in phase beginning. driven says whether
// the caller will end the life itself.
func (f *supervision) prepare(ctx context.Context, driven bool) (*core, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil {
		return nil, &CallError{"start", "supervisor", errUndeclared}
	}
	if len(f.config.faults) > 0 {
		return nil, &SpecError{Path: escapeID(f.config.name), Faults: f.config.faults}
	}
	last := f.life.Load()
	s := newCore(ctx, f.config, f)
	s.life.driven = driven
	if s.above == nil && last.hasEnded() { // the last life of a nested supervisor is merged into the supervisor above
		last.mergeIntoParent(s)
		s.events.notifier.seq.Store(last.events.notifier.seq.Load())
		s.events.notifier.before = last.signal.done
	}
	// mu excludes other starts, but not Shutdown: the last life may have been shut
	// down since the look above. So its phase is decided on under its lock.
	last.mu.Lock()
	defer last.mu.Unlock()
	switch {
	case last.life.phase == created: // handles and callers may wait on the channels of the placeholder
		s.signal.stop, s.signal.done = last.signal.stop, last.signal.done
		s.events.takeOver(last.events)
		last.life.replaced = true
		for c := last.list.first; c != nil; c = c.next {
			defer c.wakeLocked()
		}
	case last.life.phase != ended:
		s.events.close() // or the tree above would count it as a listener
		return nil, &CallError{"start", s.path, ErrAlreadyRunning}
	case last.life.endedBeforeStart: // Shutdown was called first, and cancels one start
		s.events.close()
		f.life.Store(f.placeholder())
		return nil, &CallError{"start", s.path, ErrShuttingDown}
	}
	// All of this happens under both locks, so a concurrent Shutdown finds either the last
	// life or this one, and never one that nothing will end.
	s.life.phase = beginning // before it is published: nothing else can begin it, and Shutdown leaves its end to the caller
	f.config.populate(s)
	f.life.Store(s)
	last.ended.Store(true)
	close(last.signal.next)
	return s, nil
}

// Start starts all children in order, and returns when all are ready. If one fails to
// start, Start stops the others and returns a [StartError] that names the child. If the
// spec has faults, nothing is started, and the error is a [SpecError] that lists them.
// If a child does not stop after a failed start, the error is joined with a [StuckError]
// that lists it, and [Supervisor.Shutdown] waits for it.
//
// ctx bounds the life of the supervisor and not the time of its start; the StartTimeout
// of the children bounds that. When ctx is cancelled, the children are stopped in order.
// A supervisor that has ended can be started again.
func (f *supervision) Start(ctx context.Context) error {
	s, err := f.prepare(ctx, true)
	if err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return s.finishFailedStart(err)
	}
	go s.drive(ctx)
	return nil
}

// Initialize implements [Initializer] for a supervisor that is a child: it starts the
// children, so that the supervisor is ready when they are. A supervisor that is no
// child is started with Start or Run.
func (f *supervision) Initialize(ctx context.Context) error {
	s, err := f.prepare(ctx, false)
	if err != nil {
		return err
	}
	err = s.begin(ctx)
	if err != nil {
		s.finish()
	}
	return err
}

// Run starts the supervisor, unless Initialize has done so, and returns when it has
// ended. The error is
//
//   - nil if the supervisor was asked to end, by Shutdown or the cancellation of ctx, or
//     if its significant children have ended;
//   - the error of [Supervisor.Start] if the supervisor could not start;
//   - an [IntensityError] or a [StuckError] if the supervisor gave up.
//
// Run waits for children that ignore their context. To bound that wait, use Start, and
// Shutdown with a deadline.
func (f *supervision) Run(ctx context.Context) error {
	s, err := f.toDrive()
	if err != nil {
		return err
	}
	if s == nil { // Run without Initialize: the supervisor is a root, or a worker runs it
		if s, err = f.prepare(ctx, true); err != nil {
			return err
		}
		if err := s.begin(ctx); err != nil {
			s.finish()
			return s.life.failure
		}
	}
	return s.drive(ctx)
}

// toDrive returns the life that Initialize has begun and no Run has taken, or nil if
// there is none. It sets driven, so that no other Run takes it.
func (f *supervision) toDrive() (*core, error) {
	s := f.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.phase == created, s.life.phase == ended:
		return nil, nil
	case s.life.driven, s.life.phase == beginning:
		return nil, &CallError{"run", s.path, ErrAlreadyRunning}
	}
	s.life.driven = true
	return s, nil
}

// Shutdown ends the supervisor and waits until nothing that the supervisor has started
// is left. Children are stopped in reverse order, each within its own shutdown timeout.
// A child whose start is waited for is asked to stop at once.
//
// If ctx ends first, Shutdown returns a [StuckError] that wraps the cause of ctx. It
// lists the children that were asked to stop and have not, with their stacks, and counts
// those that were not asked yet. The stop goes on, and Shutdown may be called again to
// wait further.
//
// Shutdown may be called at any time, more than once and concurrently. A worker of the
// tree must pass its own context, and an [Observer] of the tree must call Shutdown in a
// goroutine, or they would wait for themselves. Called before the start, Shutdown cancels
// the next start.
func (f *supervision) Shutdown(ctx context.Context) error {
	s := f.end()
	if s == nil {
		return nil
	}
	select {
	case <-s.signal.done:
	case <-ctx.Done():
		if !isClosed(s.signal.done) {
			// A ctx that has ended before the call would otherwise find that no child
			// was asked yet, and list nothing.
			s.awaitFirstRequest()
			return s.remainingError(causeOf(ctx))
		}
	}
	// The supervisor has ended, but incarnations that it abandoned may still run, and
	// Shutdown promises that nothing is left.
	for {
		left, changed := s.abandoned.below(s)
		if len(left) == 0 {
			return nil
		}
		if s.life.ranOut { // nothing changes it after the end
			return s.remainingError(nil)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.remainingError(causeOf(ctx))
		}
	}
}

// end makes the current life begin to end, and returns it.
func (f *supervision) end() *core {
	for {
		s := f.life.Load()
		if s == nil {
			return nil
		}
		s.mu.Lock()
		switch {
		case s.life.replaced: // by a start between Load and Lock: the new life can be loaded now
			s.mu.Unlock()
			continue
		case s.life.phase == created: // no goroutine drives it, so its end is announced here
			s.life.phase, s.life.endedBeforeStart = ended, true
			s.life.endCause = errShutdownCalled
			s.ended.Store(true)
			close(s.signal.stop)
			close(s.signal.done)
			s.events.close()
		default:
			s.endByLocked(&StopError{Reason: ReasonShutdown}, errShutdownCalled)
		}
		s.mu.Unlock()
		return s
	}
}

// Done returns a channel that is closed when the supervisor has ended, or could not
// start, and its observers have received all events.
func (f *supervision) Done() <-chan struct{} {
	if s := f.life.Load(); s != nil {
		return s.signal.done
	}
	return closedChannel
}

// Ending returns a channel that is closed when the supervisor begins to end. It has
// given up, its significant children have ended, it was asked to end, or it could not
// start; [Supervisor.Ended] says which. A program that must exit with its tree should
// wait for Ending and not for [Supervisor.Done], which a child that ignores its context
// can hold up for ever.
func (f *supervision) Ending() <-chan struct{} {
	if s := f.life.Load(); s != nil {
		return s.signal.stop
	}
	return closedChannel
}

// Err returns the failure with which the supervisor ends or has ended. It is nil
// before, and if the supervisor was asked to end. See [Supervisor.Ended] for why.
func (f *supervision) Err() error {
	s := f.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.failure
}

// Ended returns how the supervisor ends or has ended, once [Supervisor.Ending] is closed.
// Its Kind is
//
//   - [ExitNone] if the supervisor is not ending;
//   - [ExitNormal] if its significant children have ended, see [AutoShutdown];
//   - [ExitAbnormal] if it gave up or could not start: Err is then the error of
//     [Supervisor.Err];
//   - [ExitShutdown] if it was asked to end: Err then wraps [ErrShutdown].
//
// After [ExitShutdown], Err also wraps context.Canceled or context.DeadlineExceeded, and
// the cause, if the context of Start or Run has ended. It is a [StopError] if the
// supervisor above has asked, and neither if Shutdown was called.
//
// Ended is the Exit of the event [SupervisorStopped].
func (f *supervision) Ended() Exit {
	s := f.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.phase < ending {
		return Exit{}
	}
	return s.endExitLocked()
}

// Path returns the path of the supervisor, such as "orders/feeds". Until a nested
// supervisor is started by the one above, it is its name alone.
func (f *supervision) Path() string { return f.current().path }

// Name returns the name that the spec gives.
func (f *supervision) Name() string { return f.declared().name }

// Strategy returns the strategy that the spec gives.
func (f *supervision) Strategy() Strategy { return f.declared().strategy }

// Intensity returns the restart intensity, with its defaults filled in.
func (f *supervision) Intensity() Intensity { return f.declared().intensity }

// Uptime returns how long the supervisor has been up, or 0 if it is not.
func (f *supervision) Uptime() time.Duration {
	s := f.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.phase == created || s.life.phase == ended {
		return 0
	}
	return s.now()
}

// pathOf returns the path of a child of the current life.
func (f *supervision) pathOf(id string) string { return joinPath(f.current().path, id) }
