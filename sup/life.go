package sup

import (
	"context"
	"errors"
	"runtime/pprof"
	"strconv"
)

// The life of an incarnation is a sequence of phases, in which user code is called:
// the start function, Initialize, Run, the goroutines of Go, and Terminate (W2). Each
// phase is one call of step. step recovers a panic, and after runtime.Goexit, loop goes
// on in a new goroutine. returned decides which phase comes next, outside the call of
// user code, so the order of the phases is written down in one place.

// loop is the goroutine of a child. It runs the incarnations of the child one after
// the other, as long as the supervisor has a next one, so a restart needs no new
// goroutine.
func (c *child) loop(inc *incarnation) {
	// runtime.Goexit ends the goroutine, and no deferred function can prevent that.
	// The incarnation goes on from its present phase in a new goroutine.
	defer func() {
		if inc != nil {
			go c.loop(inc)
		}
	}()
	for inc != nil {
		for inc.phase != lifeOver {
			inc.step(inc.stackTag())
		}
		// A nested supervisor that is left behind is part of the incarnation, so it ends
		// before the exit is settled.
		c.sup.endUndriven(inc)
		if c.sup.labels {
			inc.endTask()
		}
		inc = c.sup.exited(c, inc)
	}
}

// step runs one phase and moves on to the next, whether user code returns, panics or
// ends the goroutine. Its argument makes the goroutine recognisable in a dump of all
// stacks.
//
//go:noinline
func (inc *incarnation) step(_ [2]uintptr) {
	// calling tells caught whether user code has returned. recover alone cannot: it
	// returns nil after runtime.Goexit as well as after a normal return.
	defer inc.caught()
	inc.calling = true
	err := inc.call()
	inc.calling = false
	inc.returned(err)
}

// caught is deferred by step: recover works only in a deferred function.
func (inc *incarnation) caught() {
	if !inc.calling {
		return
	}
	inc.calling = false
	inc.returned(caught(recover()))
}

// call calls the user code of the current phase.
func (inc *incarnation) call() error {
	switch inc.phase {
	case lifeBackoff:
		inc.child.sup.awaitBackoff(inc)
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

// make calls the start function. A worker that embeds a supervisor counts as one. Its
// base method is called here, where panics are caught: the embedded pointer may be nil.
func (inc *incarnation) make() error {
	slot, err := inc.child.slot, error(nil)
	if wrap := inc.child.sup.wrap; wrap == nil {
		err = slot.start(inc)
	} else {
		err = wrap(inc, func() error { return slot.start(inc) })
	}
	if err != nil {
		return err
	}
	if w, ok := inc.body.worker().(hasBase); ok {
		return inc.child.sup.noteSupervisor(inc, w.base())
	}
	return nil
}

// returned moves on to the next phase. err is the result of the current one.
func (inc *incarnation) returned(err error) {
	// From here on the error is only data. Its methods are user code too, which may
	// panic or end the goroutine, and the engine calls them under locks.
	err = shield(err)
	switch inc.phase {
	case lifeBackoff:
		inc.phase = lifeStart
		if !inc.child.sup.beginAfterBackoff(inc) {
			// It never started, so there is nothing to terminate and no exit event.
			inc.outcome, inc.phase = Exit{ExitShutdown, inc.awaitStopCause()}, lifeOver
		}
	case lifeStart:
		if err != nil { // there is no worker, so no Terminate
			inc.end(err, lifeOver)
			return
		}
		inc.phase = lifeInitialize
		if _, ok := inc.body.worker().(Initializer); !ok {
			inc.initialized()
		}
	case lifeInitialize:
		if err != nil { // Terminate clears up what Initialize has done
			inc.end(err, lifeTerminate)
			return
		}
		inc.initialized()
	case lifeRun:
		inc.end(err, lifeTerminate)
	case lifeGoroutines:
		inc.phase = inc.next
		// A goroutine may have failed after Run had returned. That failure counts,
		// unless Run itself had failed before.
		if failure := inc.failure(); failure != nil && inc.outcome.Kind != ExitAbnormal {
			inc.classify(failure, nil, nil)
		}
	case lifeTerminate:
		inc.phase = lifeOver
		cause := inc.stopCause()
		if cause == returnedCause { // Run had returned by itself
			cause = nil
		}
		// An error of Terminate is joined with the outcome of Run. An error that only
		// repeats the stop must not hide that outcome.
		if before := inc.outcome; err != nil && inc.classify(err, cause, before.Err).Kind != ExitAbnormal {
			inc.outcome = before
		}
	}
}

// classify makes err the outcome. If err is abnormal, it is joined with the error
// before, if there is one.
func (inc *incarnation) classify(err, stopCause, before error) Exit {
	exit := classify(err, stopCause)
	if exit.Kind == ExitAbnormal {
		exit.Err = joined(before, exit.Err)
	}
	inc.outcome = exit
	return exit
}

// joined returns err, joined with the error before if there is one.
func joined(before, err error) error {
	if before == nil {
		return err
	}
	return errors.Join(before, err)
}

// initialized goes on to Run, unless the incarnation is ending already. A supervisor
// goes on to Run even then, because its Run stops the children that have been started.
func (inc *incarnation) initialized() {
	if inc.child.sup.markReady(inc) || isSupervisor(inc.body.worker()) {
		inc.phase = lifeRun
		return
	}
	inc.end(inc.awaitStopCause(), lifeTerminate)
}

// awaitStopCause returns the cause of a stop that has been requested. It has to wait:
// the request is made under the supervisor's lock, and the context is cancelled only
// after that lock has been released.
func (inc *incarnation) awaitStopCause() error {
	<-inc.Done()
	return inc.stopCause()
}

// end sets the outcome of the worker's own code, and moves on to what has to be
// cleared up: the goroutines of the incarnation, then Terminate.
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
	// Goroutines that still run may call Go. The last of them sets closed.
	inc.closed = tasks == 0
	// Without effect if a stop has cancelled the context before. cause was read above,
	// so the outcome is classified by that stop and not by returnedCause.
	inc.cancelLocked(returnedCause)
	// From here on, goroutines of Go may end and set a failure: the phase
	// lifeGoroutines looks for that when all have ended.
	inc.mu.Unlock()
	// made: there is a worker. ran: its Run was called, so this is no failed start.
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
	// What follows may take any time, so the shutdown timeout begins now.
	if inc.phase != lifeOver {
		inc.child.sup.beginTermination(inc)
	}
	inc.classify(err, cause, nil)
	if err != nil && !ran {
		inc.child.sup.startFailed(inc, made)
	}
}

// withLast returns a failure with the last error of the worker. It adds that to a
// StartTimeoutError only: what the start returns in the end may say what it had been
// waiting for.
func withLast(failure, err error) error {
	timeout, is := failure.(*StartTimeoutError)
	if !is || err == nil || err == failure || err == context.Canceled {
		return failure
	}
	return &StartTimeoutError{After: timeout.After, Err: err}
}

// returnedCause is the cause of a context whose incarnation has ended by itself.
var returnedCause = &StopError{Reason: ReasonReturn}

// terminate calls Terminate with the rest of the shutdown timeout as the deadline.
func (inc *incarnation) terminate() error {
	w, ok := inc.body.worker().(Terminator)
	if !ok {
		return nil
	}
	ctx := context.WithoutCancel(inc) // inc is cancelled already, and Terminate has work to do
	if deadline, ok := inc.child.sup.stopDeadline(inc); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return w.Terminate(ctx, inc.outcome)
}

// label sets the pprof labels of the goroutine and begins a trace task, if the spec
// asks for labels.
func (inc *incarnation) label() {
	if !inc.child.sup.labels {
		return
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(inc, pprof.Labels(
		"sup.path", inc.child.path(),
		"sup.incarnation", strconv.Itoa(inc.n))))
	inc.beginTask()
}
