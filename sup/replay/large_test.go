package replay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// largeRecord returns the record of a tree with n children, n that are gone, n that were
// added and n in supervisors of their own. Each has started, failed and restarted.
func largeRecord(n int) *flight.Record {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &flight.Record{Complete: true, Taken: at, Tree: sup.SupervisorInfo{Path: "root", Running: true, Intensity: sup.Unlimited}}
	add := func(kind sup.EventKind, path, id string, incarnation int, exit sup.Exit) {
		at = at.Add(10 * time.Millisecond)
		r.Events = append(r.Events, sup.Event{Kind: kind, Seq: uint64(len(r.Events) + 1), Time: at, Path: path, ID: id, Incarnation: incarnation, Exit: exit})
	}
	failed := sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("boom")}
	start := func(path, id string) {
		add(sup.ChildStarting, path, id, 1, sup.Exit{})
		add(sup.ChildReady, path, id, 1, sup.Exit{})
	}
	die := func(path, id string) {
		add(sup.ChildExited, path, id, 1, failed)
		add(sup.ChildRestarting, path, id, 1, failed)
		add(sup.ChildStarting, path, id, 2, sup.Exit{})
		add(sup.ChildReady, path, id, 2, sup.Exit{})
	}
	info := func(id string, added bool) sup.ChildInfo {
		return sup.ChildInfo{ID: id, State: sup.StateRunning, Added: added}
	}
	for i := range n {
		id, nested := fmt.Sprint("here", i), fmt.Sprint("nested", i)
		start("root/"+id, id)
		add(sup.ChildStarting, "root/"+nested, nested, 1, sup.Exit{})
		start("root/"+nested+"/w", "w")
		add(sup.SupervisorStarted, "root/"+nested, "", 0, sup.Exit{})
		add(sup.ChildReady, "root/"+nested, nested, 1, sup.Exit{})
		below := &sup.SupervisorInfo{Path: "root/" + nested, Running: true, Intensity: sup.Unlimited, Children: []sup.ChildInfo{info("w", false)}}
		r.Tree.Children = append(r.Tree.Children, info(id, false),
			sup.ChildInfo{ID: nested, Kind: sup.KindSupervisor, State: sup.StateRunning, Supervisor: below})
	}
	add(sup.SupervisorStarted, "root", "", 0, sup.Exit{})
	for i := range n {
		added, gone := fmt.Sprint("added", i), fmt.Sprint("gone", i)
		die("root/"+fmt.Sprint("here", i), fmt.Sprint("here", i))
		die("root/"+fmt.Sprint("nested", i)+"/w", "w")
		start("root/"+added, added)
		die("root/"+added, added)
		r.Tree.Children = append(r.Tree.Children, info(added, true))
		start("root/"+gone, gone)
		die("root/"+gone, gone)
		add(sup.ChildStopping, "root/"+gone, gone, 2, sup.Exit{})
		add(sup.ChildExited, "root/"+gone, gone, 2, sup.Exit{Kind: sup.ExitShutdown})
		add(sup.ChildStopped, "root/"+gone, gone, 2, sup.Exit{Kind: sup.ExitShutdown})
		add(sup.ChildRemoved, "root/"+gone, gone, 2, sup.Exit{})
	}
	return r
}

// An algorithm that visits each pair of children needs 10^10 steps, which exceeds the
// time limit of a test on any machine.
func TestARecordOf100000ChildrenBecomesAScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("a large record takes some seconds")
	}
	const n = 25_000
	text := ScenarioOf(largeRecord(n)).String()
	all, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	adds, deaths := 0, 0
	for _, s := range all[0].content.Steps {
		switch s.Verb {
		case "add":
			adds++
		case "die":
			deaths++
		}
	}
	if children := len(all[0].content.Root.Children); children != 2*n || adds != 2*n || deaths != 4*n {
		t.Errorf("%d children, %d adds, %d deaths", children, adds, deaths)
	}
	if again := all[0].String(); again != text {
		t.Error("the scenario reads as another one")
	}
}

// Each die is a step, and no step may read all events before it.
func TestManyStepsAreReplayed(t *testing.T) {
	const n = 500
	var b strings.Builder
	b.WriteString("scenario many\nsupervisor one_for_one unlimited\n")
	for i := range n {
		fmt.Fprintf(&b, "child c%d permanent\n", i)
	}
	b.WriteString("start\n")
	for i := range n {
		fmt.Fprintf(&b, "die c%d error\npass 1s\n", i)
	}
	file := filepath.Join(t.TempDir(), "many.txt")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	Run(t, file, nil)
}

func BenchmarkScenarioOf(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		r := largeRecord(n / 4)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_ = ScenarioOf(r).String()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/child")
		})
	}
}
