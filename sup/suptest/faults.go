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

// Faults makes the children of a tree fail on command. It reaches the children of a
// tree that is started with the context of [InjectTree], and those whose start functions
// are wrapped by [Inject] or one of its variants.
//
// Commands (Crash, Panic, Goexit, Hang) act on the running incarnation of one child
// and return when the test has settled. They fail the test if the name matches no
// running child, or several. Settings (SlowStart, FailStart, SlowStop) apply from
// now on to every child that the name matches, and may be made before the tree
// starts.
//
// All methods are safe for concurrent use.
type Faults struct {
	t testing.TB

	mu         sync.Mutex
	running    map[string]context.Context // of the newest incarnation, by path; may be done
	slowStarts map[string]time.Duration   // by name, like all settings
	failStarts map[string]failStart
	slowStops  map[string]time.Duration
	wrap       func(ctx context.Context, start func() error) error // nil if not set
}

// failStart is the setting of FailStart.
type failStart struct {
	err  error
	left int // starts
}

// NewFaults returns faults for one test. They end when the body of the test returns.
func NewFaults(t testing.TB) *Faults {
	return &Faults{
		t:          t,
		running:    make(map[string]context.Context),
		slowStarts: make(map[string]time.Duration),
		failStarts: make(map[string]failStart),
		slowStops:  make(map[string]time.Duration),
	}
}

// Crash ends the incarnation of a child with err, which must not be nil. The child
// exits abnormally, or by shutdown if err wraps [sup.ErrShutdown].
func (f *Faults) Crash(name string, err error) {
	f.t.Helper()
	if err == nil {
		f.t.Fatalf("crash of %q: nil error; for a normal exit use Worker.Return", name)
	}
	f.command("crash", name, func(context.Context) error { return err })
}

// Panic makes a child panic with v.
func (f *Faults) Panic(name string, v any) {
	f.t.Helper()
	f.command("panic", name, func(context.Context) error { panic(v) })
}

// Goexit makes a child call [runtime.Goexit], like a worker that calls t.FailNow in
// a goroutine of its own.
func (f *Faults) Goexit(name string) {
	f.t.Helper()
	f.command("goexit", name, func(context.Context) error {
		runtime.Goexit()
		return nil
	})
}

// Hang keeps the running incarnation of a child from ending until release is called
// or the body of the test returns. A child that is stopped meanwhile becomes stuck.
// Its worker runs on; use [Worker.Hang] for a worker that must not make progress.
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
		Settle(f.t)
	})
}

// SlowStop makes each stop of a child take at least d, from the moment its context
// is cancelled. 0 removes the setting.
func (f *Faults) SlowStop(name string, d time.Duration) {
	f.mu.Lock()
	f.slowStops[name] = d
	var already []context.Context
	for path, ctx := range f.running {
		if matches(name, path) {
			already = append(already, ctx)
		}
	}
	f.mu.Unlock()
	for _, ctx := range already {
		f.slowDown(ctx)
	}
}

// SlowStart makes each start of a child take d longer, before its start function is
// called. Cancelling the context of the incarnation ends the wait. 0 removes the
// setting.
func (f *Faults) SlowStart(name string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slowStarts[name] = d
}

// FailStart makes the next starts of a child fail with err, which must not be nil,
// without a call of its start function. 0 times removes the setting.
func (f *Faults) FailStart(name string, err error, times int) {
	f.t.Helper()
	if err == nil {
		f.t.Fatalf("failing start of %q: nil error", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failStarts[name] = failStart{err, times}
}

// WrapStarts makes every start of every wrapped child call wrap, for faults that the
// other methods do not offer. start applies the settings and calls the child's start
// function; ctx is the context that function gets, so that [sup.Path] tells the
// child. The start fails with the error that wrap returns. A later call replaces
// wrap; nil removes it.
func (f *Faults) WrapStarts(wrap func(ctx context.Context, start func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrap = wrap
}

// command runs a fault as a goroutine of the incarnation that the name matches.
func (f *Faults) command(what, name string, fault func(ctx context.Context) error) {
	f.t.Helper()
	ctx, problem := f.find(name)
	if problem == "" && sup.Go(ctx, fault) != nil {
		problem = "the child has just exited" // after find released mu
	}
	if problem != "" {
		f.t.Fatalf("%s of %q: %s", what, name, termtext.Text(problem))
	}
	Settle(f.t)
}

// find returns the context of the running child that a name matches, or the reason
// why there is not exactly one.
func (f *Faults) find(name string) (ctx context.Context, problem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all, matching []string
	for _, path := range slices.Sorted(maps.Keys(f.running)) {
		if f.running[path].Err() != nil {
			continue
		}
		all = append(all, path)
		if matches(name, path) {
			matching = append(matching, path)
		}
	}
	switch {
	case len(matching) == 1:
		return f.running[matching[0]], ""
	case len(matching) > 1:
		return nil, "ambiguous name, want more of one path: " + strings.Join(matching, ", ")
	case len(all) == 0:
		return nil, "no running child is reached (start the tree with suptest.InjectTree or Inject)"
	}
	return nil, "no running child of this name; running: " + strings.Join(all, ", ")
}

// start runs a start function with what is set for its child.
func (f *Faults) start(ctx context.Context, start func() error) error {
	f.mu.Lock()
	wrap := f.wrap
	f.mu.Unlock()
	set := func() error { return f.startAsSet(ctx, start) }
	if wrap == nil {
		return set()
	}
	return wrap(ctx, set)
}

// startAsSet applies the settings and calls a start function.
func (f *Faults) startAsSet(ctx context.Context, start func() error) error {
	path := sup.Path(ctx)
	f.mu.Lock()
	_, delay, _ := settingOf(f.slowStarts, path)
	f.mu.Unlock()
	if delay > 0 && !f.pause(ctx, delay) {
		return context.Cause(ctx)
	}
	if err := f.nextFailure(path); err != nil { // as set now, after the delay
		return err
	}
	if err := start(); err != nil {
		return err
	}
	f.mu.Lock()
	f.running[path] = ctx
	_, _, slow := settingOf(f.slowStops, path)
	f.mu.Unlock()
	if slow {
		f.slowDown(ctx)
	}
	return nil
}

// nextFailure uses up one failure that is set for the child at a path.
func (f *Faults) nextFailure(path string) error {
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

// slowDown makes an incarnation stop as slowly as is set when the stop begins. A
// second call for one incarnation has no effect.
func (f *Faults) slowDown(ctx context.Context) {
	// The error says that the incarnation has ended, and cannot be slow any more.
	_ = sup.Go(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		f.mu.Lock()
		_, d, _ := settingOf(f.slowStops, sup.Path(ctx))
		f.mu.Unlock()
		f.pause(context.Background(), d)
		return nil
	})
}

// pause waits for d, or less if the body of the test returns. It reports false if
// ctx is done first.
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
