package sup

import "context"

// Go runs f in a goroutine that belongs to the incarnation that ctx belongs to
// (SEMANTICS W7). An error or a panic in f ends the incarnation as its own
// would: its context is cancelled, with that as the cause, and its exit is that
// error. The incarnation is not over, and the worker's Terminate not called,
// before all such goroutines have returned; when Run returns, their context is
// cancelled.
//
// A panic in a goroutine that a worker starts with a go statement ends the
// program: Go has no way to catch it.
//
// f is called with ctx. Go returns [ErrNotSupervised], and does not call f, if
// ctx belongs to no incarnation, to one whose goroutines have all returned
// after its Run has, or to one in Terminate. It never blocks.
func Go(ctx context.Context, f func(ctx context.Context) error) error {
	inc := incarnationOf(ctx)
	if inc == nil || !inc.enter() {
		return ErrNotSupervised
	}
	go inc.task(inc.stackTag(), ctx, f)
	return nil
}

// enter counts a goroutine, unless the incarnation takes no more.
func (inc *incarnation) enter() bool {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.closed {
		return false
	}
	inc.moreLocked().tasks++
	return true
}

// task is such a goroutine. For the mark see [incarnation.mark].
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

// leave counts a goroutine out. An error that is no more than the cancellation
// that it was asked to heed is none.
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

// leaveCount is the last that a goroutine of an incarnation does.
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

// gather waits for the goroutines of an incarnation whose Run has returned.
func (inc *incarnation) waitGoroutines() {
	inc.mu.Lock()
	var idle chan struct{}
	if inc.more.tasks > 0 {
		idle = make(chan struct{})
		inc.more.idle = idle
	} else {
		inc.closed = true
	}
	inc.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
