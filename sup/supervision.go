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
		s.signal.stop, s.signal.gone, s.signal.done = last.signal.stop, last.signal.gone, last.signal.done
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

// Start starts the supervisor: all children, in order. It returns when all are
// ready, or with an error and nothing left: a [SpecError] that lists every
// fault of the spec, or a [StartError] that names the child. Should something be
// left all the same, because it does not stop, the error is joined with a
// [StuckError] that lists it, and Shutdown waits for it.
//
// ctx is the supervisor's life, not the time that it may take to start: bound
// that with the StartTimeout of the children. When it is cancelled, the
// children are stopped in order. A supervisor that has ended can be started
// again.
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

// Run starts the supervisor, if Initialize has not done so, and returns when it
// has ended: nil if it was told to, by Shutdown or the cancellation of ctx, or
// if its significant children have ended; the error of [Supervisor.Start] if
// it could not be started; an [IntensityError] or a [StuckError] if it gave up.
// It does not return while a child that ignores its context is left: to bound
// the wait, use Start, and Shutdown with a deadline.
func (f *supervision) Run(ctx context.Context) error {
	s, err := f.toDrive()
	if err != nil {
		return err
	}
	if s == nil {
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

// Shutdown ends the supervisor: it stops its children in reverse order, each
// within its own time; one whose start somebody waits for is told at once. It
// returns nil when the whole subtree has stopped and nothing that the
// supervisor started is left running; or, when ctx ends first, a [StuckError]
// that wraps the cause of that and lists what was asked to stop and has not, with
// stacks; what was not asked yet it counts. The stop goes on then; Shutdown may be
// called again to wait further.
//
// It may be called at any time, more than once and concurrently. A worker of
// the tree has to pass its own context, or it would wait for itself. Called
// before the start, it calls off the next one.
func (f *supervision) Shutdown(ctx context.Context) error {
	s := f.end()
	if s == nil {
		return nil
	}
	gone := s.signal.gone
	if !withinObserver() {
		gone = s.signal.done
	}
	select {
	case <-gone:
	case <-ctx.Done():
		if !isClosed(gone) {
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
			close(s.signal.gone)
			close(s.signal.done)
			s.events.close()
		default:
			s.endByLocked(&StopError{Reason: ReasonShutdown}, errShutdownCalled)
		}
		s.mu.Unlock()
		return s
	}
}

// Done returns a channel that is closed when the supervisor has ended, or could
// not be started, and its observers know.
func (f *supervision) Done() <-chan struct{} {
	if s := f.life.Load(); s != nil {
		return s.signal.done
	}
	return closedChannel
}

// Ending returns a channel that is closed when the supervisor begins to end: it
// has given up, its significant children have ended, it was told to, or it could
// not be started. [Supervisor.Err] says which. A child that ignores its context
// can keep it from [Supervisor.Done] for ever; so this is what a program waits
// for that has to end with its tree.
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

// Ended returns how the supervisor ends, or has ended, as from when
// [Supervisor.Ending] is closed. Its Kind is
//
//   - [ExitNone] if the supervisor does not end;
//   - [ExitNormal] if its significant children have ended, see [AutoShutdown];
//   - [ExitAbnormal] if it gave up or could not start, and then its Err is that of
//     [Supervisor.Err];
//   - [ExitShutdown] if it was asked to end, and then its Err wraps [ErrShutdown].
//     That Err wraps context.Canceled or context.DeadlineExceeded, and the cause, if
//     the context given to Start or Run has ended; it is a [StopError] if the
//     supervisor above has asked, and neither if Shutdown was called.
//
// It is the Exit of the event [SupervisorStopped].
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

// Uptime returns for how long the supervisor has been up, and 0 if it is not.
func (f *supervision) Uptime() time.Duration {
	s := f.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.phase == created || s.life.phase == ended {
		return 0
	}
	return s.now()
}

// Recorded returns the last events of the supervisor and everything below it,
// oldest first: of each supervisor that is up as many as [Spec.Record] says,
// those of what has ended below it among them. An event's Stack is not on
// record.
func (f *supervision) Recorded() []Event {
	life := f.current()
	events, _, _ := life.recordedAt(life.path)
	return events
}

// Subscribe begins a subscription that holds at most size events; 1 if size is
// less, and a million if it is more. It ends with [Subscription.Close], or when
// the supervisor does; of a supervisor that has ended, it has ended already.
func (f *supervision) Subscribe(size int) *Subscription {
	sub := newSubscription(size)
	s := f.life.Load()
	if s == nil {
		close(sub.events)
		return sub
	}
	s.events.subscribe(sub)
	return sub
}

// pathOf returns the path of a child of the current life.
func (f *supervision) pathOf(id string) string { return joinPath(f.current().path, id) }
