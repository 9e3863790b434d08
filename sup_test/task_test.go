package sup_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	exectrace "runtime/trace"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// Spec.Labels: In an execution trace each incarnation is a task, and the
// worker's log calls belong to that task.
func TestEachIncarnationIsATaskOfAnExecutionTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := exectrace.Start(out); err != nil {
		t.Fatalf("%v: run this test without -trace", err)
	}
	defer exectrace.Stop()
	again := make(chan struct{})
	set := sup.NewKeyed(sup.KeyedSpec[string, *fake]{Name: "set", Labels: true, Start: func(context.Context, string) (*fake, error) {
		return &fake{run: func(ctx context.Context) error {
			exectrace.Log(ctx, "said", "hello from "+sup.Path(ctx))
			if sup.Incarnation(ctx) == 1 {
				return errBoom
			}
			close(again)
			<-ctx.Done()
			exectrace.Log(ctx, "said", "goodbye")
			return ctx.Err()
		}}, nil
	}})
	if err := set.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := set.StartChild(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	<-again
	if err := set.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	exectrace.Stop()
	parsed, err := exec.Command("go", "tool", "trace", "-d=parsed", file).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool trace: %v\n%s", err, parsed)
	}
	var got []string // the tasks in order
	task := regexp.MustCompile(`(TaskBegin|TaskEnd|Log) .*?(?:ID|Task)=(\d+)`)
	quoted := regexp.MustCompile(`"[^"]*"`)
	ids := make(map[string]string)
	for line := range strings.Lines(string(parsed)) {
		m := task.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[1] == "TaskBegin" {
			ids[m[2]] = string(rune('A' + len(ids)))
		}
		got = append(got, m[1]+" "+ids[m[2]]+" "+strings.Join(quoted.FindAllString(line, -1), " "))
	}
	slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
	want := []string{
		`TaskBegin A "set/*"`,
		`Log A "sup.path" "set/k"`,
		`Log A "sup.incarnation" "1"`,
		`Log A "said" "hello from set/k"`,
		`TaskEnd A "set/*"`,
		`TaskBegin B "set/*"`,
		`Log B "sup.path" "set/k"`,
		`Log B "sup.incarnation" "2"`,
		`Log B "said" "hello from set/k"`,
		`Log B "said" "goodbye"`,
		`TaskEnd B "set/*"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tasks (-want +got):\n%s\n%s", diff, parsed)
	}
}
