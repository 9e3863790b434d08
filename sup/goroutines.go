package sup

import "context"

// Go calls f with ctx in a new goroutine that belongs to the incarnation of ctx. It does
// not block. It is safe for concurrent use.
//
// If f returns an error or panics, the incarnation ends as if Run had done so. Its context
// is cancelled with the error as the cause, and the error becomes its exit. An error of f
// that only reports a cancellation asked for by the supervisor is ignored.
//
// When Run returns, the context of the incarnation is cancelled. Terminate is called after
// all goroutines started with Go have returned. Only then is the incarnation over.
//
// Go returns [ErrNotSupervised], and does not call f, if ctx does not belong to an
// incarnation. It does so too if Run and all goroutines of the incarnation have returned.
//
// A panic in a goroutine that a worker starts with a go statement cannot be caught, and
// ends the program.
func Go(ctx context.Context, f func(ctx context.Context) error) error {
	inc := incarnationOf(ctx)
	if inc == nil || !inc.enter() {
		return ErrNotSupervised
	}
	go inc.task(inc.stackTag(), ctx, f)
	return nil
}

// enter counts a new goroutine. It returns false if the incarnation accepts no more.
func (inc *incarnation) enter() bool {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.closed {
		return false
	}
	inc.moreLocked().tasks++
	return true
}

// task is the body of a goroutine started with Go. Its first argument identifies the
// incarnation in a dump of all stacks, see [incarnation.stackTag].
//
//go:noinline
func (inc *incarnation) task(_ [2]uintptr, ctx context.Context, f func(context.Context) error) {
	calling := true
	defer func() {
		if calling {
			inc.leave(caught(recover()))
		}
	}()
	err := f(ctx)
	calling = false
	inc.leave(err)
}

// leave ends a goroutine with the result of f. It ignores an error that only reports a
// cancellation.
func (inc *incarnation) leave(err error) {
	defer inc.leaveCount()
	if err == nil {
		return
	}
	err = shield(err)
	if cause := inc.stopCause(); cause == nil || classify(err, cause).Kind == ExitAbnormal {
		inc.child.sup.fail(inc, err)
	}
}

// leaveCount counts a goroutine down, as its last step. If Run has returned, which a
// non-nil idle means, and this was the last goroutine, the incarnation accepts no more.
func (inc *incarnation) leaveCount() {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	inc.more.tasks--
	if inc.more.tasks == 0 && inc.more.idle != nil {
		inc.closed = true
		close(inc.more.idle)
		inc.more.idle = nil
	}
}

// waitGoroutines waits for the goroutines of an incarnation whose Run has returned.
func (inc *incarnation) waitGoroutines() {
	inc.mu.Lock()
	var idle chan struct{}
	if inc.more.tasks > 0 { // read under mu: goroutines may have ended since Run returned
		idle = make(chan struct{})
		inc.more.idle = idle
	} else {
		inc.closed = true
	}
	// A goroutine that still runs may start others after this unlock. They are counted
	// too, and idle is closed when all have returned.
	inc.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
