package replay_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/replay"
	"github.com/espalier-go/espalier/sup/suptest"
)

// Run does not compare traces. A die waits for its child, or is left out.
func TestAMendedTreeMayBehaveOtherwise(t *testing.T) {
	replay.Run(t, "testdata/replay/*.txt", nil)
}

// The root of the test's tree may have another name, and its declaration counts.
func TestAScenarioIsReplayedOnATreeOfTheTest(t *testing.T) {
	replay.Run(t, "testdata/replay/mended.txt", func(_ *testing.T, f *suptest.Faults) sup.AnySupervisor {
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

// The test runs itself in other processes, where it fails.
func TestAReplayThatFailsSaysWhy(t *testing.T) {
	if pattern := os.Getenv("REPLAY"); pattern != "" {
		var tree func(*testing.T, *suptest.Faults) sup.AnySupervisor
		if ids := os.Getenv("TREE"); ids == "nil" {
			tree = func(*testing.T, *suptest.Faults) sup.AnySupervisor { return nil }
		} else if ids != "" {
			tree = func(_ *testing.T, f *suptest.Faults) sup.AnySupervisor { return treeOf(f, strings.Fields(ids)) }
		}
		replay.Run(t, pattern, tree)
		return
	}
	for _, test := range []struct{ pattern, tree, want string }{
		{"testdata/nothing*", "", `replay of "testdata/nothing*": no such file`},
		{"testdata/[", "", "syntax error in pattern"},
		{"replay_test.go", "", `line 1: "package replay_test" before the first "scenario NAME"` + "\n"},
		{"testdata/replay/mended.txt", "nil", "nil tree to play a scenario on"},
		{"testdata/replay/mended.txt", "a a", "invalid tree: own/a: invalid spec: ID: "},
		{"testdata/replay/mended.txt", "c d", "another tree: it has the children c, d and none of those recorded, a, k\n"},
		{"testdata/scenarios.txt", "", "child quarantined budget/a"},
		{"testdata/scenarios.txt", "", "supervisor failed escalation of a stuck child: abnormal"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestAReplayThatFailsSaysWhy$")
		cmd.Env = append(os.Environ(), "REPLAY="+test.pattern, "TREE="+test.tree)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v; missing %q in:\n%s", test.pattern, err, test.want, out)
		}
	}
}

// treeOf returns a tree of good workers.
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
