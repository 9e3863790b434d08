package sup_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// The calls of the model on real threads, without virtual time. Thousands of
// goroutines use one tree. The test must end with nothing left running, and the
// workers' counts must agree with the events.

// arena is the state that the workers of a stress test share.
type arena struct {
	alive  sync.Map // id → *atomic.Int32, the number of live incarnations
	begun  atomic.Int64
	ended  atomic.Int64
	twins  atomic.Int64 // times that two incarnations of one child ran at once
	events [16]atomic.Int64
}

func (a *arena) Observe(e sup.Event) { a.events[e.Kind].Add(1) }

func (a *arena) seen(kind sup.EventKind) int64 { return a.events[kind].Load() }

// gladiator is a worker that runs until it is stopped or fails on request.
type gladiator struct {
	arena *arena
	id    string
	hit   chan int
}

func (g *gladiator) Run(ctx context.Context) error {
	count, _ := g.arena.alive.LoadOrStore(g.id, new(atomic.Int32))
	if count.(*atomic.Int32).Add(1) != 1 {
		g.arena.twins.Add(1)
	}
	g.arena.begun.Add(1)
	defer func() {
		count.(*atomic.Int32).Add(-1)
		g.arena.ended.Add(1)
	}()
	select {
	case how := <-g.hit:
		switch how % 4 {
		case 0:
			panic("hit")
		case 1:
			runtime.Goexit()
		case 2:
			return nil
		}
		return errBoom
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *arena) child(i int) sup.ChildSpec[*gladiator] {
	id := fmt.Sprint("g", i)
	return sup.ChildSpec[*gladiator]{
		ID: id, Restart: sup.Restart(i % 3), Significant: false,
		Start: func(context.Context) (*gladiator, error) {
			if rand.IntN(20) == 0 {
				return nil, errBoom
			}
			return &gladiator{a, id, make(chan int)}, nil
		},
	}
}

// R4, X8: One tree under concurrent calls of thousands of goroutines ends with
// nothing left running, and its events agree with its workers' counts.
func TestOneTreeSurvivesConcurrentCallsOfThousandsOfGoroutines(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, strategy := range []sup.Strategy{sup.OneForOne, sup.OneForAll, sup.RestForOne} {
			t.Run(fmt.Sprintf("%v on %d", strategy, procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				defer watch(t, time.Minute)()
				hammer(t, strategy)
			})
		}
	}
}

// watch dumps all stacks and ends the program if the test does not end in time.
func watch(t *testing.T, patience time.Duration) (stop func()) {
	timer := time.AfterFunc(patience, func() {
		fmt.Fprintf(os.Stderr, "%s is stuck\n", t.Name())
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	return func() { timer.Stop() }
}

func hammer(t *testing.T, strategy sup.Strategy) {
	a := new(arena)
	spec := sup.Spec[*gladiator]{Strategy: strategy, Intensity: sup.Unlimited, Observers: []sup.Observer{a}}
	for i := range 6 {
		c := a.child(i)
		start := c.Start
		var once atomic.Bool
		c.Start = func(ctx context.Context) (*gladiator, error) {
			if once.CompareAndSwap(false, true) { // the first start must not fail
				return &gladiator{a, c.ID, make(chan int)}, nil
			}
			return start(ctx)
		}
		spec.Children = append(spec.Children, c)
	}
	s, err := sup.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() { strike(t, s, a) })
	}
	wg.Wait()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := a.twins.Load(); n > 0 {
		t.Errorf("two incarnations of one child ran at once, %d times", n)
	}
	if begun, ended := a.begun.Load(), a.ended.Load(); begun != ended {
		t.Errorf("%d calls of Run began, %d have ended", begun, ended)
	}
	if starting, exited := a.seen(sup.ChildStarting), a.seen(sup.ChildExited); starting != exited {
		t.Errorf("%d incarnations began, %d exited", starting, exited)
	}
	if ready, begun := a.seen(sup.ChildReady), a.begun.Load(); ready != begun {
		t.Errorf("%d incarnations were ready, %d calls of Run began", ready, begun)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	nothingLeft(t)
}

// strike makes random calls.
func strike(t *testing.T, s *sup.Supervisor[*gladiator], a *arena) {
	ctx := t.Context()
	for range 20 {
		i := rand.IntN(12) // half of the ids are declared
		id := fmt.Sprint("g", i)
		var err error
		switch rand.IntN(10) {
		case 0:
			_, err = s.StartChild(ctx, a.child(i))
		case 1:
			err = s.TerminateChild(ctx, id)
		case 2, 3:
			err = s.RestartChild(ctx, id)
		case 4:
			err = s.DeleteChild(context.Background(), id)
		case 5:
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			_, err = s.Child(id).Wait(short)
			cancel()
		case 6:
			for range s.All() {
			}
		case 7:
			s.Snapshot()
		default:
			if g, ok := s.Child(id).Get(); ok {
				select {
				case g.hit <- rand.IntN(4):
				default:
				}
			}
		}
		expected(t, err)
	}
}

// expected fails the test on an error that is not a documented result.
func expected(t *testing.T, err error) {
	if err == nil {
		return
	}
	for _, answer := range []error{
		sup.ErrAlreadyRunning, sup.ErrAlreadyDeclared, sup.ErrNotFound, sup.ErrRunning, sup.ErrRestarting,
		sup.ErrStopped, sup.ErrStart, context.DeadlineExceeded,
	} {
		if errors.Is(err, answer) {
			return
		}
	}
	t.Errorf("unexpected error: %v", err)
}

// nothingLeft fails the test if goroutines of a supervisor are left. A
// goroutine that has announced its end may not have returned yet, so
// nothingLeft yields to it a few times.
func nothingLeft(t *testing.T) {
	t.Helper()
	var dump string
	for range 10_000 {
		buf := make([]byte, 1<<20)
		dump = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(dump, "espalier/sup.(") {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("goroutines are left:\n%s", dump)
}
