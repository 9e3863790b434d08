package sup

import "context"

// Go runs f in a goroutine that belongs to the incarnation of ctx. An error or a
// panic of f ends the incarnation like an error or panic of Run: the context of the
// incarnation is cancelled with that cause, and the error is its exit. When Run
// returns, the context is cancelled; the incarnation is over, and Terminate is called,
// only after all such goroutines have returned.
//
// A panic in a goroutine that a worker starts with a go statement ends the program:
// Go has no way to catch it.
//
// f is called with ctx. Go returns [ErrNotSupervised], and does not call f, if ctx
// belongs to no incarnation, or to one that is in Terminate or whose Run and
// goroutines have all returned. It never blocks.
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

// task is a goroutine of Go. Its first argument makes it recognisable in a dump of all
// stacks, see [incarnation.stackTag].
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

// leave counts a goroutine down. If the goroutine was cancelled, and its error says
// only that, the error is ignored.
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

// leaveCount is the last step of a goroutine of an incarnation. It takes no more
// goroutines once Run has returned, which idle says, and the last has ended.
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
	if inc.more.tasks > 0 { // those that end counted may have ended since
		idle = make(chan struct{})
		inc.more.idle = idle
	} else {
		inc.closed = true
	}
	// A goroutine that still runs may begin others while mu is released: they are
	// counted, and idle is closed when all have returned.
	inc.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
