package sup_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// Events: An observer that panics or calls runtime.Goexit harms nothing. The other
// observers receive all events and the panic, and the observer itself receives further
// events.
func TestAnObserverThatPanicsOrCallsGoexitReceivesFurtherEvents(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func()
		want error
	}{
		"panic":       {func() { panic(errBoom) }, errBoom},
		"nil pointer": {func() { var r *recorder; r.all = nil }, sup.ErrPanic},
		"goexit":      {runtime.Goexit, sup.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				before, after, told := new(recorder), new(recorder), new(recorder)
				bad := sup.ObserverFunc(func(e sup.Event) {
					told.Observe(e)
					if e.Kind == sup.ChildReady || e.Kind == sup.ObserverPanicked {
						tt.fail()
					}
				})
				spec := lone(sup.ChildSpec[*fake]{Start: makes(fake{})})
				spec.Observers = []sup.Observer{before, bad, after}
				s := start(t, spec)
				all := []string{"child starting supervisor/w 1", "child ready supervisor/w 1", "supervisor started supervisor"}
				told.expect(t, all...)
				for _, r := range []*recorder{before, after} {
					events := r.take()
					var own []sup.Event
					for _, e := range events {
						if e.Kind != sup.ObserverPanicked {
							own = append(own, e)
						} else if !errors.Is(e.Exit.Err, tt.want) {
							t.Errorf("reported failure: %v", e.Exit.Err)
						}
					}
					if diff := cmp.Diff(all, drawn(own)); diff != "" || len(events) != len(own)+1 {
						t.Errorf("%v", drawn(events))
					}
				}
				expectStates(t, s, "w running")
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Events: Two observers that both panic at every event do not keep each other busy.
func TestObserversThatPanicAtEveryEventDoNotLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told atomic.Int64
		bad := sup.ObserverFunc(func(sup.Event) { told.Add(1); panic("bad") })
		spec := lone(sup.ChildSpec[*fake]{Start: makes(fake{})})
		spec.Observers = []sup.Observer{bad, bad}
		s := start(t, spec)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		const events = 7 // 3 of the start, 4 of the stop; each observer panics at each, which the other one sees
		if n := told.Load(); n != 4*events {
			t.Errorf("received %d events, want %d", n, 4*events)
		}
	})
}

// Events: A slow observer delays no supervisor. Done and Shutdown wait until it has
// received every event.
func TestASlowObserverDelaysNothingButTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, c := new(recorder), make(controls)
		slow := sup.ObserverFunc(func(e sup.Event) { time.Sleep(time.Minute); r.Observe(e) })
		begin := time.Now()
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{slow}, Children: c.good(new(trace), "a", "b")})
		c.die("a", errBoom)
		if err := errors.Join(s.TerminateChild(t.Context(), "b"), s.RestartChild(t.Context(), "b")); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		expectStates(t, s, "a running, b running")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-s.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.all); n == 0 || r.all[n-1].Kind != sup.SupervisorStopped || time.Since(begin) != time.Duration(n)*time.Minute {
			t.Errorf("after %v the observer has received %v", time.Since(begin), drawn(r.all))
		}
	})
}

// Events: An observer may call back into the tree.
func TestAnObserverMayCallBackIntoTheTree(t *testing.T) {
	for name, tt := range map[string]struct {
		call func(s *sup.Supervisor[*fake]) error
		want string
	}{
		"Children":  {func(s *sup.Supervisor[*fake]) error { s.Children(); _ = s.Snapshot().String(); return nil }, "a running, b running"},
		"Terminate": {func(s *sup.Supervisor[*fake]) error { return s.TerminateChild(context.Background(), "a") }, "a stopped, b running"},
		"Restart": {func(s *sup.Supervisor[*fake]) error {
			return errors.Join(s.TerminateChild(context.Background(), "a"), s.RestartChild(context.Background(), "a"))
		}, "a running, b running"},
		"Delete": {func(s *sup.Supervisor[*fake]) error {
			return errors.Join(s.TerminateChild(context.Background(), "a"), s.DeleteChild(context.Background(), "a"))
		}, "b running"},
		"Events":     {func(s *sup.Supervisor[*fake]) error { onRecord(s); return nil }, "a running, b running"},
		"Wait":       {func(s *sup.Supervisor[*fake]) error { _, err := s.Child("a").Wait(context.Background()); return err }, "a running, b running"},
		"StartChild": {func(s *sup.Supervisor[*fake]) error { _, err := s.StartChild(context.Background(), child0); return err }, "a running, b running, 0 running"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var s *sup.Supervisor[*fake]
				c, called := make(controls), make(chan error, 1)
				s = sup.New(sup.Spec[*fake]{Children: c.good(new(trace), "a", "b"), Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
					if e.Kind == sup.ChildReady && e.Path == "supervisor/b" && e.Incarnation == 2 {
						called <- tt.call(s)
					}
				})}})
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.die("b", errBoom)
				synctest.Wait()
				if err := <-called; err != nil {
					t.Error(err)
				}
				expectStates(t, s, tt.want)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				<-s.Done()
			})
		})
	}
}

// crashLoop returns a child that fails at once, up to a number of times that it reaches
// only if nothing holds it back.
func crashLoop(lives *atomic.Int64) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{ID: "crash", Start: makes(fake{run: func(ctx context.Context) error {
		if lives.Add(1) < 20_000 {
			return errBoom
		}
		<-ctx.Done()
		return nil
	}})}
}

// Events: A crash loop that outruns a slow observer is held back, so that events do not
// fill the memory. It continues when the observer does. Calls and siblings are not held
// back.
func TestACrashLoopWaitsForASlowObserver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, release := make(controls), make(chan struct{})
		var lives, told atomic.Int64
		slow := sup.ObserverFunc(func(sup.Event) { <-release; told.Add(1) })
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Observers: []sup.Observer{slow}, Children: []sup.ChildSpec[*fake]{
			c.child(new(trace), "a"), crashLoop(&lives),
		}})
		synctest.Wait()
		if n := lives.Load(); n < 100 || n > 5000 {
			t.Errorf("%d lives although the observer received no event", n)
		}
		if err := errors.Join(s.TerminateChild(t.Context(), "a"), s.RestartChild(t.Context(), "a"), s.TerminateChild(t.Context(), "crash")); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, crash stopped")
		if err := s.RestartChild(t.Context(), "crash"); err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		if n := lives.Load(); n != 20_000 || told.Load() < 4*n {
			t.Errorf("after the release: %d lives, %d events received", n, told.Load())
		}
	})
}

// Events: Spec.Labels puts the pprof labels of path and incarnation on the goroutines
// of all workers, also below nested supervisors, and on the goroutines that the workers
// start.
func TestLabelsNameThePathAndTheIncarnationInProfiles(t *testing.T) {
	for _, labels := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			c := make(controls)
			w := with(c.child(new(trace), "w"), func(f *fake) {
				run := f.run
				f.run = func(ctx context.Context) error {
					sup.Go(ctx, func(ctx context.Context) error { hangs(ctx); return nil })
					return run(ctx)
				}
			})
			inner := sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{w}}
			start(t, sup.Spec[sup.Worker]{Name: "labelled", Labels: labels, Children: []sup.ChildSpec[sup.Worker]{
				{ID: "n", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
			}})
			c.die("w", errBoom)
			var profile bytes.Buffer
			if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"sup.path":"labelled/n"`, `"sup.path":"labelled/n/w"`, `"sup.incarnation":"2"`} {
				if got := strings.Contains(profile.String(), want); got != labels {
					t.Errorf("%s in the profile: %v; want %v:\n%s", want, got, labels, profile.String())
				}
			}
			if n := strings.Count(profile.String(), `labelled/n/w"`); labels && n < 2 {
				t.Errorf("%d goroutines are labelled as those of w; want its own, and the one that it has started", n)
			}
		})
	}
}
