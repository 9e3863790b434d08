package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Needs", D1 to D7, D9 and D10. D8 is in needs_chain_test.go.

// graph returns a spec of good children. "b:a" is a child b that needs a.
func (c controls) graph(tr *trace, children string) sup.Spec[*fake] {
	spec := sup.Spec[*fake]{Strategy: sup.OneForDependents, Intensity: ample}
	for word := range strings.FieldsSeq(children) {
		id, needs, has := strings.Cut(word, ":")
		child := c.child(tr, id)
		if has {
			child.Needs = strings.Split(needs, ",")
		}
		spec.Children = append(spec.Children, child)
	}
	return spec
}

// takesTime makes a child take time to start, and trace when it begins.
func takesTime(tr *trace, c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error {
			tr.add("begin %s", c.ID)
			select {
			case <-time.After(d):
				return initialize(ctx)
			case <-ctx.Done():
				tr.add("cut %s", c.ID)
				return ctx.Err()
			}
		}
	})
}

// D1: What is wrong with needs is told before anything starts.
func TestFaultsOfNeedsAreFoundBeforeTheStart(t *testing.T) {
	for _, tt := range []struct {
		name, children string
		change         func(spec *sup.Spec[*fake])
		want           string
	}{
		{"unknown", "a b:x", nil, `supervisor/b: Needs: "x" is the ID of no sibling: use the ID of one`},
		{"itself", "a:a", nil, `supervisor/a: Needs: "a" is the child itself: leave it out`},
		{"twice", "a b:a,a", nil, `supervisor/b: Needs: "a" is there twice: leave one out`},
		{"cycle", "a:c b:a c:b d:c", nil, `supervisor/a: Needs: make a cycle, a needs c needs b needs a: leave one of them out`},
		{"temporary", "a b:a", func(spec *sup.Spec[*fake]) { spec.Children[0].Restart = sup.Temporary },
			`supervisor/b: Needs: "a" is temporary, and nothing brings it back: make it Permanent or Transient`},
		{"strategy", "a b:a", func(spec *sup.Spec[*fake]) { spec.Strategy = sup.RestForOne },
			`supervisor/b: Needs: have no effect under rest_for_one: set Strategy to OneForDependents, or leave Needs out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			spec := c.graph(tr, tt.children)
			if tt.change != nil {
				tt.change(&spec)
			}
			fault, is := errors.AsType[*sup.SpecError](spec.Validate())
			if !is || len(fault.Faults) != 1 || fault.Faults[0].String() != tt.want {
				t.Errorf("faults %v\nwant %s", fault, tt.want)
			}
		})
	}
}

// D2: A child starts as soon as all that it needs are ready, and side by side with what
// it does not wait for. The order of declaration does not matter.
func TestAChildStartsWhenAllThatItNeedsAreReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "d:b,c b:a c:a a")
		for i := range spec.Children {
			spec.Children[i] = takesTime(tr, spec.Children[i], map[string]time.Duration{"a": 3, "b": 2, "c": 1, "d": 1}[spec.Children[i].ID]*time.Second)
		}
		began := time.Now()
		s := start(t, spec)
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("the start took %v", took)
		}
		if got := tr.take(); got != "begin a, start a, begin b, begin c, start c, start b, begin d, start d" && got != "begin a, start a, begin c, begin b, start c, start b, begin d, start d" {
			t.Errorf("trace %s", got)
		}
		expectStates(t, s, "d running, b running, c running, a running")
	})
}

// D2, S7: Children without needs start side by side.
func TestChildrenWithoutNeedsStartSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b c d e")
		for i := range spec.Children {
			spec.Children[i] = takesTime(tr, spec.Children[i], time.Second)
		}
		began := time.Now()
		start(t, spec)
		if took := time.Since(began); took != time.Second {
			t.Errorf("the start took %v", took)
		}
	})
}

// D2: A needed child that chose not to start counts as met.
func TestANeededChildThatIgnoresItsStartIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a")
		spec.Children[0].Start = func(context.Context) (*fake, error) { return nil, sup.ErrIgnore }
		s := start(t, spec)
		tr.expect(t, "start b")
		expectStates(t, s, "a stopped, b running")
	})
}

// D2: A child whose need has failed during the start waits until that is ready again.
func TestAChildWaitsForANeedThatFailedDuringTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a slow b:a,slow")
		spec.Children[1] = takesTime(tr, spec.Children[1], time.Minute)
		s := sup.New(spec)
		done := make(chan error, 1)
		go func() { done <- s.Start(context.Background()) }()
		synctest.Wait()
		tr.take()
		c.die("a", errBoom)
		tr.expect(t, "die a")
		time.Sleep(time.Hour)
		tr.expect(t, "start slow, start a, start b")
		if err := <-done; err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, slow running, b running")
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// D3: If one fails to start, those that are starting are told to stop, those that are
// ready are stopped, and the error names all that failed.
func TestAFailedStartStopsAllAndNamesAllThatFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a x slow y:slow z")
		for i, child := range spec.Children {
			switch child.ID {
			case "x":
				spec.Children[i] = failsSlowly(tr, child, time.Second)
			case "slow":
				spec.Children[i] = takesTime(tr, child, time.Hour)
			}
		}
		spec.Children[2].Start = func(context.Context) (*fake, error) { time.Sleep(time.Second); return nil, errBoom }
		spec.Children[5].Start = func(context.Context) (*fake, error) { time.Sleep(time.Second); return nil, errUnready }
		_, err := sup.Start(context.Background(), spec)
		got := tr.take()
		for _, want := range []string{"cut slow", "stop b, stop a"} {
			if !strings.Contains(got, want) {
				t.Errorf("trace %s lacks %s", got, want)
			}
		}
		if strings.Contains(got, "start y") || !errors.Is(err, errBoom) || !errors.Is(err, errUnready) ||
			!strings.Contains(err.Error(), "supervisor/x") || !strings.Contains(err.Error(), "supervisor/z") || strings.Contains(err.Error(), "slow") {
			t.Errorf("trace %s, error %v", got, err)
		}
	})
}

// D4, D5: A failure restarts the child and all that need it, directly or not, and nobody
// else. Dependents stop first.
func TestAFailureRestartsWhatNeedsTheChild(t *testing.T) {
	for _, tt := range []struct{ dies, want string }{
		{"a", "die a, stop d, stop c, stop b, start a, start b, start c, start d"},
		{"b", "die b, stop d, stop c, start b, start c, start d"},
		{"c", "die c, stop d, start c, start d"},
		{"d", "die d, start d"},
		{"x", "die x, start x"},
		{"y", "die y, stop z, start y, start z"},
	} {
		t.Run(tt.dies, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, c.graph(tr, "x a b:a c:b,a d:c y z:y"))
				tr.take()
				c.die(tt.dies, errBoom)
				tr.expect(t, tt.want)
				expectCount(t, s, 1)
				expectStates(t, s, "x running, a running, b running, c running, d running, y running, z running")
			})
		})
	}
}

// D4: Rounds that share no child go on side by side. A failure whose round shares one
// waits for its turn.
func TestRoundsThatShareNoChildGoOnSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a x y:x z:a,x")
		spec.Children[1] = slowStop(tr, spec.Children[1], 4*time.Second)
		spec.Children[4] = slowStop(tr, spec.Children[4], time.Second)
		s := start(t, spec)
		if _, err := s.StartChild(t.Context(), c.child(tr, "p")); err != nil {
			t.Fatal(err)
		}
		q := c.child(tr, "q")
		q.Needs = []string{"p"}
		if _, err := s.StartChild(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		tr.take()
		c.die("a", errBoom) // b takes its time to stop
		tr.take()
		c.die("p", errBoom)
		tr.expect(t, "die p, stop q, start p, start q")
		c.die("x", errBoom) // shares z
		time.Sleep(2 * time.Second)
		tr.expect(t, "die x, gone z")
		expectCount(t, s, 2)
		time.Sleep(time.Minute)
		expectCount(t, s, 3)
		expectStates(t, s, "a running, b running, x running, y running, z running, p running, q running")
	})
}

// D4, I5: Only failures of children that the round is stopping are part of it.
func TestOnlyFailuresOfTheRoundArePartOfIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a c:b x")
		spec.Children[2] = slowStop(tr, spec.Children[2], time.Second)
		s := start(t, spec)
		c.die("a", errBoom)
		c.die("b", errBoom)
		c.die("x", errBoom)
		time.Sleep(time.Minute)
		expectCount(t, s, 2)
		expectStates(t, s, "a running, b running, c running, x running")
	})
}

// D4, B2: While a round waits out a backoff, a failure leads its own round. If that
// restarts all that waited, the wait is over.
func TestARoundThatWaitsHoldsUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a c:b x y:x")
		spec.Children[1].Backoff = sup.Backoff{Min: time.Hour}
		s := start(t, spec)
		tr.take()
		c.die("b", errBoom)
		tr.expect(t, "die b, stop c")
		c.die("x", errBoom)
		tr.expect(t, "die x, stop y, start x, start y")
		c.die("a", errBoom)
		tr.expect(t, "die a, start a, start b, start c")
		expectCount(t, s, 3)
		time.Sleep(2 * time.Hour)
		tr.expect(t, "")
	})
}

// D5: At the end a child is stopped when all that need it have stopped, side by side
// with what does not wait for it.
func TestTheEndStopsDependentsFirstAndTheRestSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a c:a x y:x")
		for i := range spec.Children {
			spec.Children[i] = slowStop(tr, spec.Children[i], time.Second)
		}
		s, err := sup.Start(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

// D5: Those that need a stuck child do not hold up what they need.
func TestAStuckDependentHoldsUpNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a")
		release := make(chan struct{})
		spec.Children[1] = with(spec.Children[1], func(f *fake) {
			f.run = func(context.Context) error { <-release; return nil }
		})
		s, err := sup.Start(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		tr.take()
		if err := s.Shutdown(ctx); !errors.Is(err, sup.ErrStuck) || !strings.Contains(err.Error(), "supervisor/b") {
			t.Errorf("Shutdown: %v", err)
		}
		tr.expect(t, "stop a")
		close(release)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// D6: A start that fails in the round is retried with those that need it. The others of
// the round go on.
func TestAFailedStartInARoundHoldsUpItsDependentsOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a c:b d:a e:d,b")
		spec.Children[1] = unready(tr, spec.Children[1], 2, 3)
		spec.Children[1].Backoff = sup.Backoff{Min: time.Second, Factor: 1}
		s := start(t, spec)
		tr.take()
		c.die("a", errBoom)
		got := tr.take()
		for _, want := range []string{"start a", "fail b", "start d"} {
			if !strings.Contains(got, want) {
				t.Errorf("trace %s lacks %s", got, want)
			}
		}
		expectStates(t, s, "a running, b restarting, c restarting, d running, e restarting")
		expectCount(t, s, 2)
		time.Sleep(time.Second)
		tr.expect(t, "fail b")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := tr.take(); got != "start b, start c, start e" && got != "start b, start e, start c" {
			t.Errorf("trace %s", got)
		}
		expectCount(t, s, 3)
	})
}

// D6, F3: If an operator stops the child whose start failed, those that need it start.
func TestTerminatingWhatIsWaitedForLetsTheRoundGoOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b:a c:b")
		spec.Children[1] = unready(tr, spec.Children[1], 2, 3)
		spec.Children[1].Backoff = sup.Backoff{Min: time.Hour}
		s := start(t, spec)
		c.die("a", errBoom)
		expectStates(t, s, "a running, b restarting, c restarting")
		if err := s.TerminateChild(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		expectStates(t, s, "a running, b stopped, c running")
	})
}

// D7: A child that an operator stopped, or that is quarantined, leaves those that need it
// alone, and so does its restart. A round goes through it all the same.
func TestAStoppedChildLeavesItsDependentsAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		spec := c.graph(tr, "a b:a c:b q r:q")
		spec.Children[3].Budget = sup.Intensity{Restarts: 1, Within: time.Hour}
		s := start(t, spec)
		tr.take()
		if err := s.TerminateChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop b")
		c.die("a", errBoom)
		tr.expect(t, "die a, stop c, start a, start c")
		expectStates(t, s, "a running, b stopped, c running, q running, r running")
		if err := s.RestartChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		tr.expect(t, "start b")
		c.die("q", errBoom)
		tr.expect(t, "die q, stop r, start q, start r")
		c.die("q", errBoom)
		tr.expect(t, "die q")
		expectStates(t, s, "a running, b running, c running, q quarantined, r running")
	})
}

// D7: A child that others need cannot be deleted.
func TestANeededChildCannotBeDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		s := start(t, c.graph(tr, "a b:a c:a"))
		if err := s.TerminateChild(ctx, "a"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteChild(ctx, "a"); !errors.Is(err, sup.ErrNeeded) || !strings.HasSuffix(err.Error(), "needed by siblings: b, c") {
			t.Errorf("Delete: %v", err)
		}
		for _, id := range []string{"b", "c"} {
			if err := errors.Join(s.TerminateChild(ctx, id), s.DeleteChild(ctx, id)); err != nil {
				t.Error(err)
			}
		}
		if err := s.DeleteChild(ctx, "a"); err != nil {
			t.Error(err)
		}
	})
}

// D9: StartChild waits for what the child needs, within its context.
func TestStartChildWaitsForWhatTheChildNeeds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		during func(s *sup.Supervisor[*fake]) error
		want   error
		states string
	}{
		{"ready", nil, nil, "a running, new running"},
		{"terminated", func(s *sup.Supervisor[*fake]) error { return s.TerminateChild(context.Background(), "new") }, sup.ErrStart, "a running"},
		{"deleted", func(s *sup.Supervisor[*fake]) error { return s.DeleteChild(context.Background(), "new") }, sup.ErrStart, "a running"},
		{"need terminated", func(s *sup.Supervisor[*fake]) error { return s.TerminateChild(context.Background(), "a") }, nil, "a stopped, new running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				spec := c.graph(tr, "a")
				spec.Children[0].Backoff = sup.Backoff{Min: time.Hour}
				s := start(t, spec)
				c.die("a", errBoom)
				child := c.child(tr, "new")
				child.Needs = []string{"a"}
				done := make(chan error, 1)
				go func() {
					_, err := s.StartChild(context.Background(), child)
					done <- err
				}()
				synctest.Wait()
				expectStates(t, s, "a restarting, new idle")
				if tt.during != nil {
					if err := tt.during(s); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(2 * time.Hour)
				if err := <-done; !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Errorf("StartChild: %v", err)
				}
				expectStates(t, s, tt.states)
			})
		})
	}
}

// D9: The context of StartChild bounds the wait, the end of the supervisor ends it, and a
// need must be declared.
func TestTheWaitOfStartChildEndsWithItsContextOrTheSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a")
		spec.Children[0].Backoff = sup.Backoff{Min: time.Hour}
		s, err := sup.Start(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		child := c.child(tr, "new")
		child.Needs = []string{"b"}
		if _, err := s.StartChild(t.Context(), child); !errors.Is(err, sup.ErrSpec) {
			t.Errorf("StartChild: %v", err)
		}
		c.die("a", errBoom)
		child.Needs = []string{"a"}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := s.StartChild(ctx, child); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, sup.ErrStart) {
			t.Errorf("StartChild: %v", err)
		}
		expectStates(t, s, "a restarting")
		done := make(chan error, 1)
		go func() {
			_, err := s.StartChild(context.Background(), child)
			done <- err
		}()
		synctest.Wait()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, sup.ErrShuttingDown) {
			t.Errorf("StartChild: %v", err)
		}
	})
}

// D10: Only the exit of a nested supervisor restarts what needs it, never that of a member.
func TestTheExitOfAMemberRestartsNoDependents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		inner := sup.New(sup.Spec[*fake]{Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: c.good(tr, "x")})
		dep := c.child(tr, "dep")
		s := start(t, sup.Spec[sup.Worker]{Strategy: sup.OneForDependents, Intensity: ample, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
			{ID: "dep", Needs: []string{"inner"}, Start: func(ctx context.Context) (sup.Worker, error) { return dep.Start(ctx) }},
		}})
		tr.take()
		c.die("x", errBoom)
		tr.expect(t, "die x, start x")
		c.die("x", errBoom)
		tr.expect(t, "die x, stop dep, start x, start dep")
		expectCount(t, s, 1)
	})
}

// D4, R6: A child that needs nothing, and that nothing needs, restarts as under one_for_one.
func TestChildrenWithoutNeedsRestartSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		spec := c.graph(tr, "a b")
		for i := range spec.Children {
			spec.Children[i] = slowRestart(tr, spec.Children[i], time.Hour)
		}
		s := start(t, spec)
		c.die("a", errBoom)
		c.die("b", errBoom)
		expectStates(t, s, "a starting, b starting")
		time.Sleep(time.Hour)
		expectStates(t, s, "a running, b running")
		if got := fmt.Sprint(info(t, s, "a").Restarts, info(t, s, "b").Restarts); got != "1 1" {
			t.Errorf("restarts %s", got)
		}
	})
}

// D1: A snapshot shows what a child needs, and a drawing of it too.
func TestASnapshotShowsNeeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, c.graph(tr, "a b c:a,b"))
		if got := fmt.Sprint(info(t, s, "a").Needs, info(t, s, "c").Needs); got != "[] [a b]" {
			t.Errorf("needs %s", got)
		}
		if got := s.Snapshot().String(); !strings.Contains(got, "c permanent running, needs a, b\n") {
			t.Errorf("the tree is drawn as\n%s", got)
		}
	})
}
