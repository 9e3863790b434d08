package suptest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// Traces are not compared, and a death waits for the child, or does not come.
func TestWhatIsReplayedOnAMendedTreeMayGoAnotherWay(t *testing.T) {
	suptest.Replay(t, "testdata/replay/*.txt", nil)
}

// On a tree of the test's own: the names of the root differ, and the declaration is
// the tree's.
func TestAScenarioIsReplayedOnATreeOfTheTestsOwn(t *testing.T) {
	suptest.Replay(t, "testdata/replay/mended.txt", func(_ *testing.T, f *suptest.Faults) sup.AnySupervisor {
		worker := suptest.InjectStart(f, func(context.Context) (sup.Worker, error) { return new(suptest.Worker), nil })
		set := sup.NewKeyed(suptest.InjectKeyed(f, sup.KeyedSpec[string, *suptest.Worker]{
			Start: func(context.Context, string) (*suptest.Worker, error) { return new(suptest.Worker), nil },
		}))
		return sup.New(sup.Spec[sup.Worker]{Name: "own", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "a", Start: worker}, {ID: "b", Start: worker},
			{ID: "k", Start: func(context.Context) (sup.Worker, error) { return set, nil }},
		}})
	})
}

// The failures of Replay, each in a test binary of its own.
func TestAReplayThatFailsSaysWhy(t *testing.T) {
	if pattern := os.Getenv("REPLAY"); pattern != "" {
		var tree func(*testing.T, *suptest.Faults) sup.AnySupervisor
		if ids := os.Getenv("TREE"); ids == "nil" {
			tree = func(*testing.T, *suptest.Faults) sup.AnySupervisor { return nil }
		} else if ids != "" {
			tree = func(_ *testing.T, f *suptest.Faults) sup.AnySupervisor { return treeOf(f, strings.Fields(ids)) }
		}
		suptest.Replay(t, pattern, tree)
		return
	}
	for _, test := range []struct{ pattern, tree, want string }{
		{"testdata/nothing*", "", `replay of "testdata/nothing*": there is no such file`},
		{"testdata/[", "", "syntax error in pattern"},
		{"replay_test.go", "", `line 1: "package suptest_test" before any "scenario NAME"`},
		{"testdata/replay/mended.txt", "nil", "there is no tree"},
		{"testdata/replay/mended.txt", "a a", "the tree cannot be replayed on: own/a: invalid spec: ID: "},
		{"testdata/replay/mended.txt", "c d", "it has none of the children of that time, a, k; its own are c, d\n"},
		{"testdata/scenarios.txt", "", "child quarantined budget/a"},
		{"testdata/scenarios.txt", "", "supervisor failed escalation of a stuck child: abnormal"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestAReplayThatFailsSaysWhy$")
		cmd.Env = append(os.Environ(), "REPLAY="+test.pattern, "TREE="+test.tree)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v, and it does not say %q:\n%s", test.pattern, err, test.want, out)
		}
	}
}

// treeOf is a tree of workers that run for ever.
func treeOf(f *suptest.Faults, ids []string) sup.AnySupervisor {
	spec := sup.Spec[*suptest.Worker]{Name: "own"}
	for _, id := range ids {
		spec.Children = append(spec.Children, sup.ChildSpec[*suptest.Worker]{
			ID:    id,
			Start: func(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil },
		})
	}
	return sup.New(suptest.Inject(f, spec))
}
