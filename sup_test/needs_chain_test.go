package sup_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

var chains = flag.Int("chains", 2500, "the number of random scenarios that are run under rest_for_one and under needs that form a chain")

// D8: With needs that chain the children in declared order, every trace is that of
// rest_for_one. The scenarios are those that Erlang's supervisor ran, and random ones.
// Left out are those with a temporary child before the last, and those that delete a
// child that others need.
func TestAChainOfNeedsIsRestForOne(t *testing.T) {
	var all []*modelCase
	for _, file := range otpFiles {
		_, recorded := readScenarios(t, file)
		for _, sc := range recorded {
			all = append(all, sc.modelCase)
		}
	}
	n := *chains
	if testing.Short() {
		n /= 10
	}
	random := rapid.Custom(func(rt *rapid.T) *modelCase { return (&otpDrawer{drawer: drawer{T: rt}, chains: true}).scenario() })
	for i := range n {
		sc := random.Example(i)
		sc.name = fmt.Sprintf("random-%d", i)
		all = append(all, sc)
	}
	ran, left := 0, 0
	for _, sc := range all {
		rest := sc.with(func(b *branch) { b.Strategy = sup.RestForOne })
		chain, ok := rest.chained()
		if !ok {
			left++
			continue
		}
		ran++
		if diff := cmp.Diff(rest.play(t), chain.play(t)); diff != "" {
			t.Errorf("%s (-rest_for_one +chain of needs)\n%s\n%s", sc.name, chain.text(), diff)
			return
		}
	}
	t.Logf("%d scenarios ran, and %d were left out", ran, left)
	if ran < n*4/5 {
		t.Errorf("only %d of %d scenarios ran", ran, len(all))
	}
}

// D8: Without any needs, every restart is that of one_for_one. Only the root changes, and
// its start and its end, which are side by side, are not compared.
func TestWithoutNeedsRestartsAreThoseOfOneForOne(t *testing.T) {
	n := *chains
	if testing.Short() {
		n /= 10
	}
	ran, left := 0, 0
	for i := range n {
		sc := scenarios.Example(200_000 + i)
		if sc.root.Strategy != sup.OneForOne { // its commands are drawn for what happens under another strategy
			left++
			continue
		}
		sc.name = fmt.Sprintf("random-%d", i)
		rooted := func(strategy sup.Strategy) []string {
			root := *sc.root
			root.Strategy = strategy
			changed := *sc
			changed.root = &root
			return changed.playRestarts(t)
		}
		want := rooted(sup.OneForOne)
		if want == nil {
			left++
			continue
		}
		ran++
		if diff := cmp.Diff(want, rooted(sup.OneForDependents)); diff != "" {
			t.Fatalf("%s (-one_for_one +one_for_dependents)\n%s\n%s", sc.name, sc.text(), diff)
		}
	}
	t.Logf("%d scenarios ran, and %d were left out", ran, left)
	if ran < n/5 {
		t.Errorf("only %d of %d scenarios ran", ran, n)
	}
}

// playRestarts runs the commands on the engine and returns what is seen between the start
// and the end of the root. It returns nil if the root does not start at once.
func (sc *modelCase) playRestarts(t *testing.T) (lines []string) {
	sets := sc.sets()
	synctest.Test(t, func(t *testing.T) {
		g := newStage(sc.root)
		defer g.finish()
		for i, cmd := range sc.commands {
			if !g.possible(cmd) {
				continue
			}
			r := g.perform(cmd)
			after := g.perform(command{verb: "pass", time: settling})
			select {
			case <-g.top.Ending():
				if i == 0 {
					lines = nil
				}
				return
			default:
			}
			if i == 0 && (len(r.answers) == 0 || r.answers[0].is != "ok") {
				lines = nil
				return
			}
			if i == 0 {
				lines = []string{"started"}
				continue
			}
			step := append(draw(sets, r), draw(sets, after)...)
			slices.Sort(step) // what restarts side by side comes in any order (R6)
			lines = append(append(lines, cmd.verb+" "+cmd.path), step...)
		}
	})
	return lines
}

// with returns the case with all supervisors changed.
func (sc *modelCase) with(change func(b *branch)) *modelCase {
	changed := *sc
	changed.want = nil
	changed.root = changedBranch(sc.root, change)
	changed.commands = slices.Clone(sc.commands)
	for i, cmd := range changed.commands {
		if cmd.spec != nil {
			changed.commands[i].spec = changedBranch(cmd.spec, change)
		}
	}
	return &changed
}

func changedBranch(b *branch, change func(b *branch)) *branch {
	c := *b
	c.Children = nil
	for _, child := range b.Children {
		c.Children = append(c.Children, changedBranch(child, change))
	}
	if c.Kind == aSupervisor {
		change(&c)
	}
	return &c
}

// chained returns the case with needs that form a chain in place of rest_for_one. It
// reports false if the two may differ.
func (sc *modelCase) chained() (*modelCase, bool) {
	ok, temporary := true, false
	chained := sc.with(func(b *branch) {
		b.Strategy = sup.OneForDependents
		temporary = temporary || len(b.Children) > 0 && b.Children[len(b.Children)-1].Restart == sup.Temporary
		for i, c := range b.Children[:max(0, len(b.Children)-1)] {
			ok = ok && c.Restart != sup.Temporary
			b.Children[i+1].Needs = []string{c.ID}
		}
	})
	for _, cmd := range chained.commands {
		ok = ok && cmd.verb != "delete"
		if up := chained.root.Find(cmd.path); cmd.spec != nil && (up == nil || !up.IsSet()) {
			ok = ok && !temporary && cmd.spec.Restart != sup.Temporary
		}
	}
	return chained, ok
}

// play runs the commands on the engine and returns all that is seen.
func (sc *modelCase) play(t *testing.T) (lines []string) {
	sets := sc.sets()
	both := false
	synctest.Test(t, func(t *testing.T) {
		g := newStage(sc.root)
		for _, cmd := range sc.commands {
			if !g.possible(cmd) {
				continue
			}
			if cmd.spec != nil && sc.root.Strategy == sup.OneForDependents {
				cmd.spec = g.needingTheLast(cmd)
			}
			lines = append(lines, cmd.verb+" "+cmd.path)
			lines = append(lines, draw(sets, g.perform(cmd))...)
			after := g.perform(command{verb: "pass", time: settling})
			if cmd.verb == "both" { // the second exit comes before or after the end that the first has begun
				both = true
			}
			lines = append(lines, draw(sets, after)...)
		}
		g.finish()
		lines = append(lines, g.complaints())
		for i, line := range lines {
			if both {
				lines[i] = strings.Replace(line, " restarting #", " stopped #", 1)
			}
		}
	})
	return lines
}

// possible reports whether a command can be performed. Of a recorded scenario some cannot
// under another strategy.
func (g *stage) possible(cmd command) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch cmd.verb {
	case "both":
		return g.live[cmd.path] != nil && g.live[scenario.Join(scenario.Parent(cmd.path), cmd.arg)] != nil
	case "die", "let":
		return g.live[cmd.path] != nil
	}
	return true
}

// needingTheLast returns the child that a command adds, so that it needs the last of its
// siblings.
func (g *stage) needingTheLast(cmd command) *branch {
	g.mu.Lock()
	up, known := g.sups[cmd.path]
	g.mu.Unlock()
	if !known || up.remove != nil { // the members of a set have no needs
		return cmd.spec
	}
	b := *cmd.spec
	if siblings := up.children(); len(siblings) > 0 {
		b.Needs = []string{siblings[len(siblings)-1].ID}
	}
	return &b
}
