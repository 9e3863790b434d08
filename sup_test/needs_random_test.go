package sup_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// TestRandomGraphsKeepTheRulesOfNeeds runs random graphs with failures anywhere, failed
// starts, slow starts and stops, backoffs, budgets, stuck children and operators, and
// checks what D2, D4, D5 and D7 say on the events of each.
func TestRandomGraphsKeepTheRulesOfNeeds(t *testing.T) {
	n := 4000
	if testing.Short() {
		n = 400
	}
	for seed := range n {
		g := newGraphCase(uint64(seed))
		synctest.Test(t, g.run)
		if len(g.wrong) > 0 {
			t.Fatalf("seed %d: %s\n%s\n%s\n%s", seed, strings.Join(g.wrong, "\n"), g, strings.Join(g.commands, "\n"), strings.Join(g.trace(), "\n"))
		}
	}
}

// graphCase is a random graph, and what has happened to it.
type graphCase struct {
	*rand.Rand
	ids      []string
	needs    map[string][]string
	spec     sup.Spec[*fake]
	commands []string
	die      map[string]chan error
	release  chan struct{}
	operated map[string]bool // an operator has stopped, restarted or added it
	died     map[string]bool // has ended by itself, or failed to start in a round
	events   []sup.Event
	wrong    []string // rules that were broken
}

func newGraphCase(seed uint64) *graphCase {
	g := &graphCase{
		Rand: rand.New(rand.NewPCG(seed, 1)), needs: map[string][]string{}, die: map[string]chan error{},
		operated: map[string]bool{}, died: map[string]bool{},
	}
	g.spec = sup.Spec[*fake]{Strategy: sup.OneForDependents, Intensity: sup.Unlimited, Record: -1}
	g.spec.Observers = []sup.Observer{sup.ObserverFunc(func(e sup.Event) { g.events = append(g.events, e) })}
	for i := range 1 + g.IntN(7) {
		id := string(rune('a' + i))
		c := g.child(id, i)
		for _, other := range g.ids {
			if g.IntN(3) == 0 {
				c.Needs = append(c.Needs, other)
			}
		}
		g.ids, g.needs[id] = append(g.ids, id), c.Needs
		g.spec.Children = append(g.spec.Children, c)
	}
	g.Shuffle(len(g.spec.Children), func(i, j int) {
		g.spec.Children[i], g.spec.Children[j] = g.spec.Children[j], g.spec.Children[i]
	})
	return g
}

// one reports true once in n times.
func (g *graphCase) one(n int) bool { return g.IntN(n) == 0 }

func (g *graphCase) child(id string, i int) sup.ChildSpec[*fake] {
	c := sup.ChildSpec[*fake]{ID: id}
	if g.one(4) {
		c.Restart = sup.Transient
	}
	if g.one(4) {
		c.Backoff = sup.Backoff{Min: 300 * time.Millisecond, Factor: 1}
	}
	if g.one(6) {
		c.Budget = sup.Intensity{Restarts: 2, Within: time.Minute}
		c.Backoff = sup.Backoff{}
	}
	var slow, stop time.Duration
	if g.one(3) {
		slow = time.Second + time.Duration(i)*time.Millisecond
	}
	if g.one(3) {
		stop = 700*time.Millisecond + time.Duration(i)*time.Millisecond
	}
	deaf := g.one(12)
	c.Shutdown = time.Second
	fails := map[int]bool{}
	if g.one(3) {
		fails[2+g.IntN(3)] = true
	}
	g.die[id] = make(chan error, 1)
	c.Start = func(ctx context.Context) (*fake, error) {
		inc := sup.Incarnation(ctx)
		return &fake{
			initialize: func(ctx context.Context) error {
				if slow > 0 {
					select {
					case <-time.After(slow):
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				if fails[inc] {
					return errUnready
				}
				return nil
			},
			run: func(ctx context.Context) error {
				select {
				case err := <-g.die[id]:
					return err
				case <-ctx.Done():
				}
				if deaf {
					<-g.release
				}
				time.Sleep(stop)
				return ctx.Err()
			},
		}, nil
	}
	return c
}

func (g *graphCase) String() string {
	var words []string
	for _, c := range g.spec.Children {
		words = append(words, c.ID+":"+strings.Join(c.Needs, ","))
	}
	return strings.Join(words, " ")
}

func (g *graphCase) trace() (lines []string) {
	for _, e := range g.events {
		lines = append(lines, fmt.Sprintf("%v %v %v #%d %v because=%s", e.Time.Format("05.000"), e.Kind, e.Path, e.Incarnation, e.Exit, e.Because))
	}
	return lines
}

func (g *graphCase) run(*testing.T) {
	g.release = make(chan struct{})
	for id := range g.die {
		g.die[id] = make(chan error, 1)
	}
	s := sup.New(g.spec)
	if err := s.Start(context.Background()); err != nil {
		g.complain("Start: %v", err)
		return
	}
	for range g.IntN(25) {
		g.perform(s)
	}
	if g.one(3) { // end it in the middle of everything
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		time.Sleep(time.Hour)
		close(g.release)
		if err := <-done; err != nil {
			g.complain("Shutdown: %v", err)
		}
		g.check(nil)
		return
	}
	close(g.release)
	time.Sleep(time.Hour)
	synctest.Wait()
	left := s.Children()
	if err := s.Shutdown(context.Background()); err != nil {
		g.complain("Shutdown: %v", err)
	}
	g.check(left)
}

// perform runs one random command.
func (g *graphCase) perform(s *sup.Supervisor[*fake]) {
	id := g.ids[g.IntN(len(g.ids))]
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+g.IntN(3))*time.Second)
	call := func(verb string, f func(context.Context, string) error) {
		g.commands, g.operated[id] = append(g.commands, verb+" "+id), true
		go func() { defer cancel(); _ = f(ctx, id) }()
		synctest.Wait()
	}
	switch g.IntN(10) {
	case 0:
		call("terminate", s.TerminateChild)
		return
	case 1:
		call("restart", s.RestartChild)
		return
	case 2:
		if g.one(3) {
			call("delete", s.DeleteChild)
			return
		}
	case 3, 4:
		d := time.Duration(1+g.IntN(2500)) * time.Millisecond
		g.commands = append(g.commands, "pass "+d.String())
		time.Sleep(d)
	default:
		if h, ok := s.Child(id).Info(); ok && h.State == sup.StateRunning && len(g.die[id]) == 0 {
			g.commands, g.died[id] = append(g.commands, "die "+id), true
			g.die[id] <- errBoom
			if !g.one(4) {
				synctest.Wait()
			}
		}
	}
	cancel()
}

// seen is what the events have shown of a child.
type seen struct {
	state        sup.EventKind
	begun, ready int  // when it last began and got ready
	byOperator   bool // its last start was an operator's
	inLine       bool // its failure may stand in line
}

// check checks the events, and the children that were left when all had settled.
func (g *graphCase) check(left []sup.ChildInfo) {
	all := map[string]*seen{}
	for at, e := range g.events {
		_, id, child := strings.Cut(e.Path, "/")
		if !child {
			continue
		}
		c := all[id]
		if c == nil {
			c = new(seen)
			all[id] = c
		}
		switch e.Kind {
		case sup.ChildStarting:
			c.byOperator = c.state == sup.ChildStopped || c.state == sup.ChildQuarantined || c.state == sup.ChildRemoved
			c.begun = at
			for _, n := range g.needs[id] {
				need := all[n]
				if c.byOperator || need != nil && need.inLine { // D8: its failure stands in line behind the round
					continue
				}
				if need == nil || need.state == sup.ChildStarting || need.state == sup.ChildRestarting || need.state == sup.ChildExited {
					g.complain("event %d: %s starts before %s is ready (D2)", at, id, n)
				}
			}
		case sup.ChildReady:
			c.ready = at
		case sup.ChildExited:
			if e.Exit.Kind == sup.ExitAbnormal {
				g.died[id] = true
			}
		case sup.ChildStopping:
			for d, needs := range g.needs {
				if o := all[d]; !g.operated[d] && e.Because != "" && slices.Contains(needs, id) && o != nil && o.state == sup.ChildReady {
					g.complain("event %d: %s is stopped for a round before %s, which needs it (D5)", at, id, d)
				}
			}
		}
		c.state = e.Kind
		c.inLine = e.Kind == sup.ChildRestarting && e.Because == "" && e.Delay == 0
	}
	for _, c := range left {
		o := all[c.ID]
		if c.State != sup.StateRunning && !c.State.AtRest() {
			g.complain("%s is %v although all has settled", c.ID, c.State)
		}
		if c.State.AtRest() && !g.operated[c.ID] && c.State != sup.StateQuarantined {
			g.complain("%s is %v, and no operator has stopped it", c.ID, c.State)
		}
		caused := g.died[c.ID]
		for _, n := range g.closure(c.ID) {
			caused = caused || g.died[n]
		}
		if c.Restarts > 0 && !caused {
			g.complain("%s was restarted %d times, and nothing that it needs has failed (D4)", c.ID, c.Restarts)
		}
		for _, n := range g.needs[c.ID] {
			need := all[n]
			if c.State == sup.StateRunning && need != nil && need.state == sup.ChildReady && !need.byOperator && !o.byOperator && !g.operated[n] && !g.operated[c.ID] && need.ready > o.begun {
				g.complain("%s was not restarted with %s, which it needs (D4)", c.ID, n)
			}
		}
	}
}

// closure returns all that a child needs, directly or not.
func (g *graphCase) closure(id string) (all []string) {
	for _, n := range g.needs[id] {
		all = append(append(all, n), g.closure(n)...)
	}
	return all
}

func (g *graphCase) complain(format string, args ...any) {
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}
