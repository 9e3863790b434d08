package sup

import (
	"context"
	"errors"
	"runtime/pprof"
	"strconv"
)

// loop lives the incarnations of a child, one after the other, for as long as
// the supervisor has a next one. It is the goroutine of the child.
func (c *child) loop(inc *incarnation) {
	// runtime.Goexit ends the goroutine whatever is deferred. The life goes on
	// where it was, in another one.
	defer func() {
		if inc != nil {
			go c.loop(inc)
		}
	}()
	for inc != nil {
		for inc.phase != lifeOver {
			inc.step(inc.stackTag())
		}
		c.sup.endUndriven(inc)
		if c.sup.labels {
			inc.endTask()
		}
		inc = c.sup.exited(c, inc)
	}
}

// step lives one phase. Whatever user code does in it, the life goes on from
// the next.
//
//go:noinline
func (inc *incarnation) step(_ [2]uintptr) {
	defer inc.caught()
	inc.calling = true
	err := inc.call()
	inc.calling = false
	inc.returned(err)
}

// caught is deferred by step; only it can recover.
func (inc *incarnation) caught() {
	if !inc.calling {
		return
	}
	inc.calling = false
	inc.returned(caught(recover()))
}

func (inc *incarnation) call() error {
	switch inc.phase {
	case lifeBackoff:
		inc.child.sup.awaitTurn(inc)
		return nil
	case lifeStart:
		inc.label()
		return inc.make()
	case lifeInitialize:
		return inc.body.worker().(Initializer).Initialize(inc)
	case lifeRun:
		return inc.body.worker().Run(inc)
	case lifeGoroutines:
		inc.waitGoroutines()
		return nil
	case lifeTerminate:
		return inc.terminate()
	}
	return nil
}

// make calls the start function. A worker that embeds a supervisor is taken for
// one, and asking it which one is a call too: the embedded pointer may be nil.
func (inc *incarnation) make() error {
	if err := inc.child.slot.start(inc); err != nil {
		return err
	}
	if w, ok := inc.body.worker().(hasBase); ok {
		return inc.child.sup.madeSupervisor(inc, w.base())
	}
	return nil
}

// returned moves on to the next phase; err is how the current one ended.
func (inc *incarnation) returned(err error) {
	err = shield(err)
	switch inc.phase {
	case lifeBackoff:
		inc.phase = lifeStart
		if !inc.child.sup.starting(inc) {
			inc.outcome, inc.phase = Exit{ExitShutdown, inc.awaitStopCause()}, lifeOver
		}
	case lifeStart:
		if err != nil {
			inc.end(err, lifeOver)
			return
		}
		inc.phase = lifeInitialize
		if _, ok := inc.body.worker().(Initializer); !ok {
			inc.initialized()
		}
	case lifeInitialize:
		if err != nil {
			inc.end(err, lifeTerminate)
			return
		}
		inc.initialized()
	case lifeRun:
		inc.end(err, lifeTerminate)
	case lifeGoroutines:
		inc.phase = inc.next
		if failure := inc.failure(); failure != nil && inc.outcome.Kind != ExitAbnormal {
			inc.classify(failure, nil, nil)
		}
	case lifeTerminate:
		inc.phase = lifeOver
		cause := inc.stopCause()
		if cause == returnedCause { // nobody has asked it to stop
			cause = nil
		}
		if before := inc.outcome; err != nil && inc.classify(err, cause, before.Err).Kind != ExitAbnormal {
			inc.outcome = before
		}
	}
}

// classify makes an error the outcome, joined with one from before if there is
// one and this one is abnormal.
func (inc *incarnation) classify(err, stopCause, before error) Exit {
	exit := classify(err, stopCause)
	if exit.Kind == ExitAbnormal {
		exit.Err = joined(before, exit.Err)
	}
	inc.outcome = exit
	return exit
}

func joined(before, err error) error {
	if before == nil {
		return err
	}
	return errors.Join(before, err)
}

// initialized goes on to Run, unless the incarnation was told to stop
// meanwhile. A supervisor has children to stop then: its Run does that.
func (inc *incarnation) initialized() {
	if inc.child.sup.readied(inc) || isSupervisor(inc.body.worker()) {
		inc.phase = lifeRun
		return
	}
	inc.end(inc.awaitStopCause(), lifeTerminate)
}

// toldCause is the cause of a stop that is known from the supervisor's lock.
// Whoever told the incarnation cancels it only after that lock has been let go.
func (inc *incarnation) awaitStopCause() error {
	<-inc.Done()
	return inc.stopCause()
}

// end notes what the incarnation ended with, before what it leaves behind is
// cleared up: the goroutines that belong to it, then Terminate.
func (inc *incarnation) end(err error, next lifePhase) {
	inc.mu.Lock()
	cause, tasks := inc.cause, 0
	if inc.more != nil {
		tasks = inc.more.tasks
		if inc.more.failure != nil {
			inc.more.failure = withLast(inc.more.failure, err)
			err, cause = inc.more.failure, nil
		}
	}
	inc.closed = tasks == 0
	inc.cancelLocked(returnedCause)
	inc.mu.Unlock()
	made, ran := inc.phase > lifeStart, inc.phase > lifeInitialize
	if next == lifeTerminate {
		if _, ok := inc.body.worker().(Terminator); !ok {
			next = lifeOver
		}
	}
	inc.phase, inc.next = next, next
	if tasks > 0 {
		inc.phase = lifeGoroutines
	}
	if inc.phase != lifeOver {
		inc.child.sup.beginTermination(inc)
	}
	inc.classify(err, cause, nil)
	if err != nil && !ran {
		inc.child.sup.startFailed(inc, made)
	}
}

// withLast adds to a failure that is a start out of time what that start returned
// in the end: it may say what it had been waiting for.
func withLast(failure, err error) error {
	timeout, is := failure.(*StartTimeoutError)
	if !is || err == nil || err == failure || err == context.Canceled {
		return failure
	}
	return &StartTimeoutError{After: timeout.After, Err: err}
}

var returnedCause = &StopError{Reason: ReasonReturn}

// terminate calls Terminate with what is left of the time for stopping.
func (inc *incarnation) terminate() error {
	w, ok := inc.body.worker().(Terminator)
	if !ok {
		return nil
	}
	ctx := context.WithoutCancel(inc)
	if deadline, ok := inc.child.sup.stopDeadline(inc); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return w.Terminate(ctx, inc.outcome)
}

// label puts the pprof labels on the goroutine, if the spec asks for them, and
// makes a task of the incarnation.
func (inc *incarnation) label() {
	if !inc.child.sup.labels {
		return
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(inc, pprof.Labels(
		"sup.path", inc.child.path(),
		"sup.incarnation", strconv.Itoa(inc.n))))
	inc.beginTask()
}
