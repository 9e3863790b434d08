package suptest

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// Faults breaks the children of a tree on command. It reaches those whose start
// functions have been wrapped with [Inject] or its like.
//
// Commands (Crash, Panic, Goexit, Hang) act on the running incarnation of one
// child, and fail the test if the name fits none, or several; they return when
// everything has settled. Settings (SlowStart, FailStart, SlowStop) hold from
// now on, for every child that the name fits, and may be made before the tree
// starts.
type Faults struct {
	t testing.TB

	mu         sync.Mutex
	running    map[string]context.Context // of the newest incarnation made, by path; may be over
	slowStarts map[string]time.Duration   // by name, as all settings
	failStarts map[string]failStart
	slowStops  map[string]time.Duration
	script     *script // of a scenario that is played
}

type failStart struct {
	err  error
	left int
}

// NewFaults returns faults for one test. They end when its body does.
func NewFaults(t testing.TB) *Faults {
	return &Faults{
		t:          t,
		running:    make(map[string]context.Context),
		slowStarts: make(map[string]time.Duration),
		failStarts: make(map[string]failStart),
		slowStops:  make(map[string]time.Duration),
	}
}

// Crash ends the incarnation of a child with err, which must not be nil: the
// child exits abnormally, or by shutdown if err wraps [sup.ErrShutdown].
func (f *Faults) Crash(name string, err error) {
	f.t.Helper()
	if err == nil {
		f.t.Fatalf("suptest: crash of %q with a nil error: give one; for a normal exit use a Worker, and its Return", name)
	}
	f.command("crash", name, func(context.Context) error { return err })
}

// Panic lets a child panic with v.
func (f *Faults) Panic(name string, v any) {
	f.t.Helper()
	f.command("panic", name, func(context.Context) error { panic(v) })
}

// Goexit lets a child call [runtime.Goexit], as a worker does that calls
// t.FailNow in a goroutine of its own.
func (f *Faults) Goexit(name string) {
	f.t.Helper()
	f.command("goexit", name, func(context.Context) error {
		runtime.Goexit()
		return nil
	})
}

// Hang keeps the running incarnation of a child from ending, whatever ends it,
// until release is called or the body of the test has returned: told to stop,
// the child gets stuck. Until then its worker runs on; one that is to hang at
// its work is a [Worker].
func (f *Faults) Hang(name string) (release func()) {
	f.t.Helper()
	released := make(chan struct{})
	f.command("hang", name, func(context.Context) error {
		select {
		case <-released:
		case <-f.t.Context().Done():
		}
		return nil
	})
	return sync.OnceFunc(func() {
		f.t.Helper()
		close(released)
		settle(f.t)
	})
}

// SlowStop makes each end of a child take d at least, from the moment that its
// context is cancelled. 0 takes it back.
func (f *Faults) SlowStop(name string, d time.Duration) {
	f.mu.Lock()
	f.slowStops[name] = d
	var already []context.Context
	for path, ctx := range f.running {
		if fits(name, path) {
			already = append(already, ctx)
		}
	}
	f.mu.Unlock()
	for _, ctx := range already {
		f.slowDown(ctx)
	}
}

// SlowStart makes each start of a child take d longer, before its start
// function is called. It gives up when the context of the incarnation is
// cancelled, as a good start function does. 0 takes it back.
func (f *Faults) SlowStart(name string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slowStarts[name] = d
}

// FailStart makes the next starts of a child fail with err, without a call of
// its start function. 0 times takes it back.
func (f *Faults) FailStart(name string, err error, times int) {
	f.t.Helper()
	if err == nil {
		f.t.Fatalf("suptest: failing start of %q with a nil error: give one", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failStarts[name] = failStart{err, times}
}

// command runs a fault as a goroutine of the incarnation that a name fits.
func (f *Faults) command(what, name string, fault func(ctx context.Context) error) {
	f.t.Helper()
	ctx, why := f.find(name)
	if why == "" && sup.Go(ctx, fault) != nil {
		why = "it has ended just now"
	}
	if why != "" {
		f.t.Fatalf("suptest: %s of %q: %s", what, name, termtext.Text(why))
	}
	settle(f.t)
}

// find returns the context of the running child that a name fits, or says why
// there is none.
func (f *Faults) find(name string) (ctx context.Context, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all, fitting []string
	for _, path := range slices.Sorted(maps.Keys(f.running)) {
		if f.running[path].Err() != nil {
			continue
		}
		all = append(all, path)
		if fits(name, path) {
			fitting = append(fitting, path)
		}
	}
	switch {
	case len(fitting) == 1:
		return f.running[fitting[0]], ""
	case len(fitting) > 1:
		return nil, "the name fits several children, give more of the path: " + strings.Join(fitting, ", ")
	case len(all) == 0:
		return nil, "no child is running that Inject has wrapped"
	}
	return nil, "no such child is running, those that are: " + strings.Join(all, ", ")
}

// before is called at the beginning of every start.
func (f *Faults) before(ctx context.Context) error {
	path := sup.Path(ctx)
	f.mu.Lock()
	script := f.script
	_, delay, _ := settingOf(f.slowStarts, path)
	f.mu.Unlock()
	if script != nil {
		if err := script.before(f, ctx, path); err != nil {
			return err
		}
	}
	if delay > 0 && !f.pause(ctx, delay) {
		return context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name, fail, _ := settingOf(f.failStarts, path)
	if fail.left <= 0 {
		return nil
	}
	fail.left--
	f.failStarts[name] = fail
	return fail.err
}

// made is called when a start function has made its worker.
func (f *Faults) made(ctx context.Context) {
	path := sup.Path(ctx)
	f.mu.Lock()
	f.running[path] = ctx
	_, _, slow := settingOf(f.slowStops, path)
	script := f.script
	f.mu.Unlock()
	if script != nil {
		script.made(f, ctx, path)
	}
	if slow {
		f.slowDown(ctx)
	}
}

// slowDown makes the end of an incarnation take as long as is set when it
// comes. Twice does no harm.
func (f *Faults) slowDown(ctx context.Context) {
	_ = sup.Go(ctx, func(ctx context.Context) error { // an incarnation that is over needs no slowing
		<-ctx.Done()
		f.mu.Lock()
		_, d, _ := settingOf(f.slowStops, sup.Path(ctx))
		f.mu.Unlock()
		f.pause(context.Background(), d)
		return nil
	})
}

// pause waits, and reports false if ctx ended first. The end of the test cuts
// it short.
func (f *Faults) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.t.Context().Done():
	case <-ctx.Done():
		return false
	}
	return true
}
