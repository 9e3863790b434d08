package sup_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var soakTime = flag.Duration("soak", 0, "how long to go on with random cases")

// TestTheEngineDoesWhatTheModelSays makes random trees, runs random commands on model
// and engine, and compares after each step what the workers saw, what the calls
// returned and what the queries show.
//
// It runs the same 10,000 cases each time, or 1,000 with -short. With -soak it runs as
// many new cases again and again for the given time. The flags of rapid work too:
// -rapid.seed repeats a run. A failure prints the smallest scenario found, in the
// format of testdata/model.txt.
func TestTheEngineDoesWhatTheModelSays(t *testing.T) {
	checks := "10000"
	if testing.Short() {
		checks = "1000"
	}
	if *soakTime > 0 {
		soak(t)
		return
	}
	set(t, "rapid.checks", checks)
	set(t, "rapid.seed", "1") // the same cases each time; the soak finds new ones
	set(t, "rapid.nofailfile", "true")
	rapid.Check(t, func(rt *rapid.T) {
		sc := drawCase(rt)
		if diff := sc.run(t); diff != "" {
			rt.Fatalf("\n%s\n%s", sc.text(), diff)
		}
	})
}

// soak runs the test repeatedly for the given time, each time with another seed and in
// a process of its own, since the race detector keeps about 100 kB of each case until
// its process ends.
func soak(t *testing.T) {
	for began := time.Now(); !t.Failed() && time.Since(began) < *soakTime; {
		seed := fmt.Sprint("-rapid.seed=", max(1, rand.Uint64()))
		run := exec.Command(os.Args[0], "-test.v", "-test.timeout=10m", "-test.run=^"+t.Name()+"$", seed)
		out, err := run.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", seed, err)
		}
		t.Logf("%s\n%s", seed, out)
	}
}

func set(t *testing.T, name, value string) {
	old := flag.Lookup(name).Value.String()
	explicit := false
	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == name })
	if explicit {
		return
	}
	if err := flag.Lookup(name).Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flag.Lookup(name).Value.Set(old) })
}

// modelCase is a tree, the commands on it, and their results.
type modelCase struct {
	name     string
	root     *branch
	commands []command
	want     []result
	silent   string // why the contract leaves open what follows
}

// run runs the case on the engine and returns the differences. A failure within the
// bubble is a value, so that rapid can search for a smaller case.
func (sc *modelCase) run(t *testing.T) (diff string) {
	defer func() {
		if p := recover(); p != nil {
			diff = fmt.Sprintf("%v", p)
		}
	}()
	sets := sc.sets()
	synctest.Test(t, func(t *testing.T) {
		g := newStage(sc.root)
		for i, cmd := range sc.commands {
			got := g.perform(cmd)
			if diff = compare(sets, sc.want[i], got); diff != "" || g.complaints() != "" {
				diff = fmt.Sprintf("step %d, %s (-model +engine):\n%s", i+1, cmd, diff)
				break
			}
		}
		g.finish()
		diff += g.complaints()
	})
	return diff
}

// sets returns the paths of all sets that can exist.
func (sc *modelCase) sets() map[string]bool {
	sets := make(map[string]bool)
	addSets(sc.root, "", sets)
	for _, cmd := range sc.commands {
		if cmd.spec != nil {
			addSets(cmd.spec, scenario.Join(cmd.path, cmd.spec.ID), sets)
		}
	}
	return sets
}

// compare returns the differences between two results. If an answer of the model names
// several, each matches.
func compare(sets map[string]bool, want, got result) string {
	want.answers = slices.Clone(want.answers)
	for i, w := range want.answers {
		for _, g := range got.answers {
			if w.call == g.call && slices.Contains(strings.Split(w.is, "|"), g.is) {
				want.answers[i].is = g.is
			}
		}
	}
	got.snapshot = slices.DeleteFunc(got.snapshot, func(line string) bool {
		path, _, is := strings.Cut(line, "/ ") // counts of a supervisor; one that is ending has none
		return is && !slices.ContainsFunc(want.snapshot, func(w string) bool { return strings.HasPrefix(w, path+"/ ") })
	})
	return cmp.Diff(draw(sets, want), draw(sets, got))
}

// draw formats a result, one line each.
func draw(sets map[string]bool, r result) (lines []string) {
	for _, e := range ordered(sets, r.events) {
		lines = append(lines, fmt.Sprintf("%v: %s %s #%d", e.at, e.what, e.path, e.inc))
	}
	slices.SortFunc(r.answers, func(a, b answer) int { return a.call - b.call })
	for _, a := range r.answers {
		lines = append(lines, fmt.Sprintf("%v: call %d = %s", a.at, a.call, a.is))
	}
	if r.ended != "" {
		lines = append(lines, "ended: "+r.ended)
		return lines
	}
	return append(lines, r.snapshot...)
}
