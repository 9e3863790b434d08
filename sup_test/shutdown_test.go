package sup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Shutdown", X1 to X5, X7 and X8. Stuck children (X6) are in
// stuck_test.go.

// clocked is an observer that traces each event with the time since clocked was
// created, such as "3s stuck root/a".
type clocked struct {
	trace
	began time.Time
	words map[sup.EventKind]string
}

func clock(words map[sup.EventKind]string) *clocked {
	return &clocked{began: time.Now(), words: words}
}

func (x *clocked) Observe(e sup.Event) {
	if word := x.words[e.Kind]; word != "" {
		x.add("%v %s %s", e.Time.Sub(x.began), word, e.Path)
	}
}

var (
	stopsAndExits = map[sup.EventKind]string{sup.ChildStopping: "stop", sup.ChildStuck: "stuck", sup.ChildExited: "exit"}
	onlyStuck     = map[sup.EventKind]string{sup.ChildStuck: "stuck"}
)

// lingers returns a child that takes d to stop.
func lingers(id string, d time.Duration) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{ID: id, Start: makes(fake{run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return ctx.Err()
	}})}
}

// hangsOn returns a child that does not stop until release is closed.
func hangsOn(id string, release chan struct{}) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{ID: id, Start: makes(fake{run: func(context.Context) error {
		refuseToReturn(release)
		return nil
	}})}
}

// within calls Shutdown with a timeout of d.
func within(d time.Duration, s stopper) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.Shutdown(ctx)
}

// left returns the paths that the error of a shutdown lists.
func left(t *testing.T, err error) (paths []string) {
	t.Helper()
	stuck, ok := errors.AsType[*sup.StuckError](err)
	if !ok {
		t.Fatalf("Shutdown: %v, want a StuckError", err)
	}
	for _, c := range stuck.Children {
		paths = append(paths, c.Path)
	}
	return paths
}

// X1: Children stop in reverse start order, each after the previous one has
// stopped, Terminate included. Each has its own timeout, which the others do
// not use up. Children added later stop first, and a restart changes no place.
func TestShutdownStopsChildrenInReverseStartOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := clock(stopsAndExits)
		a, b, x := lingers("a", 4*time.Second), lingers("b", 2*time.Second), lingers("x", 3*time.Second)
		for _, c := range []*sup.ChildSpec[*fake]{&a, &b, &x} {
			c.Shutdown = 4*time.Second + 1
		}
		b = with(b, func(f *fake) {
			f.terminate = func(context.Context, sup.Exit) error { time.Sleep(2 * time.Second); return nil }
		})
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{a, b}})
		if _, err := s.StartChild(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.TerminateChild(t.Context(), "a"), s.RestartChild(t.Context(), "a")); err != nil {
			t.Fatal(err)
		}
		seen.expect(t, "0s stop supervisor/a, 4s exit supervisor/a")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		seen.expect(t, "4s stop supervisor/x, 7s exit supervisor/x, 7s stop supervisor/b, "+
			"11s exit supervisor/b, 11s stop supervisor/a, 15s exit supervisor/a")
	})
}

// X1: Shutdown skips children that are down for any reason.
func TestShutdownSkipsChildrenThatAreDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "stopped", "waiting", "quarantined", "done", "z")
		children[2].Backoff = forEver
		children[3].Budget = none
		children[4].Restart = sup.Transient
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: children})
		if err := s.TerminateChild(t.Context(), "stopped"); err != nil {
			t.Fatal(err)
		}
		c.die("waiting", errBoom)
		c.die("quarantined", errBoom)
		c.die("done", nil)
		tr.take()
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("Shutdown: %v after %v", err, time.Since(began))
		}
		tr.expect(t, "stop z, stop a")
	})
}

// X2: A child's shutdown timeout is its declared one, or 5 s by default, and is
// exact. A child that stops a nanosecond before its end is in time; one that
// takes longer is stuck at its end.
func TestAChildIsStuckExactlyAtItsShutdownTimeout(t *testing.T) {
	for _, tt := range []struct {
		declared, has time.Duration
	}{
		{0, 5 * time.Second}, {1, 1}, {300 * time.Millisecond, 300 * time.Millisecond}, {time.Hour, time.Hour},
	} {
		t.Run(fmt.Sprint(tt.declared), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				seen := clock(stopsAndExits)
				late, onTime := lingers("late", tt.has+time.Minute), lingers("on time", tt.has-1)
				late.Shutdown, onTime.Shutdown = tt.declared, tt.declared
				s := start(t, sup.Spec[*fake]{
					Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{lingers("a", 0), late, onTime},
				})
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				seen.expect(t, fmt.Sprintf("0s stop supervisor/on time, %v exit supervisor/on time, %v stop supervisor/late, "+
					"%v stuck supervisor/late, %v stop supervisor/a, %v exit supervisor/a, %v exit supervisor/late",
					tt.has-1, tt.has-1, 2*tt.has-1, 2*tt.has-1, 2*tt.has-1, 2*tt.has-1+time.Minute))
			})
		})
	}
}

// X2: Infinity waits without limit.
func TestInfinityWaitsWithoutLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := clock(stopsAndExits)
		long := lingers("long", 10000*time.Hour)
		long.Shutdown = sup.Infinity
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{lingers("a", 0), long}})
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		seen.expect(t, "0s stop supervisor/long, 10000h0m0s exit supervisor/long, 10000h0m0s stop supervisor/a, 10000h0m0s exit supervisor/a")
	})
}

// X2: A supervisor has no shutdown timeout unless it declares one.
func TestASupervisorHasNoShutdownTimeoutUnlessDeclared(t *testing.T) {
	for declared, want := range map[time.Duration]string{
		0: "0s stop root/inner, 0s stop root/inner/long, 1h0m0s exit root/inner/long, 1h0m0s exit root/inner, " +
			"1h0m0s stop root/a, 1h0m0s exit root/a",
		time.Minute: "0s stop root/inner, 0s stop root/inner/long, 1m0s stuck root/inner, 1m0s stop root/a, 1m0s exit root/a, " +
			"1h0m0s exit root/inner/long, 1h0m0s exit root/inner",
	} {
		t.Run(declared.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				seen := clock(stopsAndExits)
				long := lingers("long", time.Hour)
				long.Shutdown = sup.Infinity
				s := start(t, sup.Spec[sup.Worker]{Name: "root", Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[sup.Worker]{
					asWorker(lingers("a", 0)),
					{ID: "inner", Shutdown: declared, Start: func(context.Context) (sup.Worker, error) {
						return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{long}}), nil
					}},
				}})
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				seen.expect(t, want)
			})
		})
	}
}

// asWorker converts a spec into one for a supervisor of mixed workers.
func asWorker(c sup.ChildSpec[*fake]) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{
		ID: c.ID, Restart: c.Restart, Shutdown: c.Shutdown, Backoff: c.Backoff, Stuck: c.Stuck,
		Start: func(ctx context.Context) (sup.Worker, error) { return c.Start(ctx) },
	}
}

// X2: Brutal gives no grace. The next child is stopped at once, and a
// Terminator gets a context that has ended. Shutdown still waits for the child
// (X8).
func TestBrutalGivesNoGrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := clock(stopsAndExits)
		brutal := with(lingers("brutal", 4*time.Second), func(f *fake) {
			f.terminate = func(ctx context.Context, _ sup.Exit) error {
				seen.add("terminate: %v", ctx.Err())
				return nil
			}
		})
		brutal.Shutdown = sup.Brutal
		s := start(t, sup.Spec[*fake]{
			Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{lingers("a", time.Second), brutal, lingers("b", time.Second)},
		})
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(began))
		}
		seen.expect(t, "0s stop supervisor/b, 1s exit supervisor/b, 1s stop supervisor/brutal, 1s stop supervisor/a, "+
			"2s exit supervisor/a, terminate: context deadline exceeded, 5s exit supervisor/brutal")
	})
}

type stopper interface {
	Shutdown(ctx context.Context) error
}

// eachSet runs a test on a set of each kind. member returns the fake for an
// index.
func eachSet(t *testing.T, n int, shutdown time.Duration, member func(i int) sup.ChildSpec[*fake],
	test func(t *testing.T, s stopper, seen *clocked),
) {
	t.Run("keyed", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			seen := clock(stopsAndExits)
			k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{
				Name: "set", Shutdown: shutdown, Observers: []sup.Observer{seen},
				Start: func(ctx context.Context, i int) (*fake, error) { return member(i).Start(ctx) },
			})
			if err := k.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if _, err := k.StartChild(t.Context(), i); err != nil {
					t.Fatal(err)
				}
			}
			test(t, k, seen)
		})
	})
	t.Run("replicas", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			seen := clock(stopsAndExits)
			r := sup.NewReplicas(sup.ReplicasSpec[*fake]{
				Name: "set", Count: n, Shutdown: shutdown, Observers: []sup.Observer{seen},
				Start: func(ctx context.Context, i int) (*fake, error) { return member(i).Start(ctx) },
			})
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, r, seen)
		})
	})
}

// X3: The members of a set stop in parallel, so the stop takes as long as the
// slowest member, for any number of members.
func TestTheMembersOfASetStopInParallel(t *testing.T) {
	eachSet(t, 2500, 4*time.Second, func(i int) sup.ChildSpec[*fake] {
		return lingers("", time.Duration(i)*time.Millisecond)
	}, func(t *testing.T, s stopper, seen *clocked) {
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != 2499*time.Millisecond {
			t.Errorf("Shutdown: %v after %v", err, time.Since(began))
		}
		synctest.Wait()
		events := seen.take()
		if stops := strings.Count(events, "0s stop set/"); stops != 2500 {
			t.Errorf("%d members were stopped at once", stops)
		}
		if strings.Contains(events, "stuck") {
			t.Error("a member was stuck before the timeout")
		}
	})
}

// X3: One timer covers all members. At its end exactly those that have not
// stopped are stuck.
func TestTheMembersOfASetStopUnderOneTimer(t *testing.T) {
	eachSet(t, 4, 3*time.Second, func(i int) sup.ChildSpec[*fake] {
		return lingers("", time.Duration(2*i)*time.Second-1)
	}, func(t *testing.T, s stopper, seen *clocked) {
		err := within(4*time.Second-2, s)
		if diff := cmp.Diff([]string{"set/2", "set/3"}, sorted(left(t, err))); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		events := sorted(strings.Split(seen.take(), ", "))
		want := sorted([]string{
			"0s stop set/0", "0s stop set/1", "0s stop set/2", "0s stop set/3",
			"0s exit set/0", "1.999999999s exit set/1", "3s stuck set/2", "3s stuck set/3",
			"3.999999999s exit set/2", "5.999999999s exit set/3",
		})
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// X3, X1: In a tree, a set is one child of the order. A stuck member delays its
// siblings no longer than the timer.
func TestASetIsOneChildInTheOrderOfATree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := clock(stopsAndExits)
		seen.words = map[sup.EventKind]string{sup.ChildStopping: "stop", sup.ChildStuck: "stuck"}
		release := make(chan struct{})
		tree := new(struct {
			sup.Tree
			A, B       sup.Child[*fake]
			Few        sup.Replicas[*fake]
			StateStuck sup.Replicas[*fake]
		})
		tree.Declare(sup.TreeSpec{Name: "root", Observers: []sup.Observer{seen}},
			tree.A.Declare(lingers("a", 0)),
			tree.StateStuck.Declare(sup.ReplicasSpec[*fake]{Name: "stuck", Count: 1, Start: func(ctx context.Context, _ int) (*fake, error) {
				return hangsOn("", release).Start(ctx)
			}}),
			tree.Few.Declare(sup.ReplicasSpec[*fake]{Name: "few", Count: 1, Start: func(ctx context.Context, _ int) (*fake, error) {
				return lingers("", time.Second).Start(ctx)
			}}),
			tree.B.Declare(lingers("b", 0)),
		)
		if err := tree.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := within(time.Minute, tree)
		if diff := cmp.Diff([]string{"root/stuck/0"}, left(t, err)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		seen.expect(t, "0s stop root/b, 0s stop root/few, 0s stop root/few/0, 1s stop root/stuck, 1s stop root/stuck/0, "+
			"6s stuck root/stuck/0, 6s stuck root/stuck, 6s stop root/a")
		close(release)
		if err := tree.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// X3, X2: For a set too, brutal gives no grace and infinity has no limit.
func TestASetCanBeBrutalOrInfinite(t *testing.T) {
	for shutdown, takes := range map[time.Duration]time.Duration{sup.Brutal: 4 * time.Second, sup.Infinity: 1000 * time.Hour} {
		eachSet(t, 3, shutdown, func(int) sup.ChildSpec[*fake] { return lingers("", takes) },
			func(t *testing.T, s stopper, seen *clocked) {
				began := time.Now()
				if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != takes {
					t.Errorf("Shutdown: %v after %v", err, time.Since(began))
				}
				synctest.Wait()
				if events := seen.take(); strings.Count(events, "0s stop") != 3 || strings.Contains(events, "stuck") {
					t.Error(events)
				}
			})
	}
}
