package figures_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
	"github.com/espalier-go/espalier/sup/suptest"
)

// lines returns the figures of a tree that are not 0, as text.
func lines(tree sup.SupervisorInfo) []string {
	all := figures.Metrics()
	var lines []string
	for _, p := range figures.Of(tree, time.Now()) {
		if p.Value != 0 {
			lines = append(lines, fmt.Sprintf("%s %s = %v", all[p.Metric].Name, strings.Join(p.Labels, " "), p.Value))
		}
	}
	return lines
}

func worker(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil }

func TestTheFiguresOfATree(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		tenants := sup.NewKeyed(sup.KeyedSpec[string, sup.Worker]{Name: "tenants", Intensity: sup.Unlimited, Start: func(_ context.Context, key string) (sup.Worker, error) {
			return sup.New(suptest.Inject(faults, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{ID: "db", Start: worker}}})), nil
		}})
		s := suptest.Start(t, sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "tenants", Start: func(context.Context) (sup.Worker, error) { return tenants, nil }},
			{ID: "plugin", Budget: sup.Intensity{Restarts: 2, Within: time.Minute},
				Start: suptest.InjectStart(faults, func(context.Context) (sup.Worker, error) { return new(suptest.Worker), nil })},
		}})
		for _, key := range []string{"x", "y"} {
			if _, err := tenants.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for range 3 {
			faults.Crash("plugin", errors.New("boom"))
		}
		faults.Crash("x/db", errors.New("boom"))
		faults.Crash("y/db", errors.New("boom"))
		faults.Crash("y/db", errors.New("boom"))
		if err := tenants.RemoveChild(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want := []string{
			"sup.supervisors app = 1", "sup.uptime app = 61", "sup.intensity.limit app = 3", "sup.intensity.window app = 5",
			"sup.children app tenants running = 1", "sup.starts app tenants = 1",
			"sup.children app plugin quarantined = 1", "sup.state.age app plugin quarantined = 60",
			"sup.starts app plugin = 3", "sup.restarts app plugin = 2", "sup.failures app plugin = 3", "sup.budget.used app plugin = 1",
			"sup.supervisors app/tenants = 1", "sup.uptime app/tenants = 61",
			"sup.children app/tenants * running = 1", "sup.starts app/tenants * = 2",
			"sup.supervisors app/tenants/* = 1", "sup.uptime app/tenants/* = 61", "sup.intensity.limit app/tenants/* = 3", "sup.intensity.window app/tenants/* = 5",
			"sup.children app/tenants/* db running = 1", "sup.starts app/tenants/* db = 5", "sup.restarts app/tenants/* db = 3", "sup.failures app/tenants/* db = 3",
		}
		if diff := cmp.Diff(want, lines(s.Snapshot())); diff != "" {
			t.Errorf("figures (-want +got):\n%s", diff)
		}
	})
}

func TestACombinedFigureIsTheWorst(t *testing.T) {
	member := func(restarts int, up time.Duration, used int, state sup.State, since time.Time) sup.ChildInfo {
		return sup.ChildInfo{ID: fmt.Sprint(restarts), Added: true, State: state, Since: since, BudgetUsed: used, Policy: sup.Policy{Budget: sup.Intensity{Restarts: 4, Within: 1}},
			Supervisor: &sup.SupervisorInfo{Running: true, Uptime: up, Restarts: restarts, Intensity: sup.Intensity{Restarts: 4, Within: time.Second}}}
	}
	now := time.Now()
	tree := sup.SupervisorInfo{Path: "top", Intensity: sup.Unlimited, Children: []sup.ChildInfo{
		member(1, time.Hour, 3, sup.StateStuck, now.Add(-time.Second)), member(2, time.Minute, 2, sup.StateStuck, now.Add(-time.Hour)), member(0, 2*time.Hour, 0, sup.StateRunning, now),
	}}
	got := make(map[string]float64)
	for _, p := range figures.Of(tree, now) {
		got[figures.Metrics()[p.Metric].Name+" "+strings.Join(p.Labels, " ")] = p.Value
	}
	for name, want := range map[string]float64{
		"sup.supervisors top/*": 3, "sup.uptime top/*": 60, "sup.intensity.used top/*": 0.5, "sup.budget.used top *": 0.75,
		"sup.children top * stuck": 2, "sup.children top * running": 1, "sup.children top * idle": 0, "sup.state.age top * stuck": 3600,
	} {
		if got[name] != want {
			t.Errorf("%s = %v; want %v", name, got[name], want)
		}
	}
	if v, ok := got["sup.intensity.used top"]; ok {
		t.Errorf("unlimited intensity: used part %v", v)
	}
}

// Members of a Keyed share the label "*".
func TestTheNumberOfSeriesDoesNotGrowWithTheKeys(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[int, *suptest.Worker]{Name: "k", Start: func(context.Context, int) (*suptest.Worker, error) {
			return new(suptest.Worker), nil
		}})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, k)
		count := func(upTo int) int {
			for key := k.Len(); key < upTo; key++ {
				if _, err := k.StartChild(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			return len(figures.Of(k.Snapshot(), time.Now()))
		}
		if few, many := count(2), count(200); few != many {
			t.Errorf("%d figures of 2 children, %d of 200", few, many)
		}
	})
}

// The package comment has a row for each metric, in order.
func TestThePackageCommentListsTheFigures(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "figures.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\t(sup\.\S+) +(\S+) +([a-z, ]+?)  +\S`).FindAllStringSubmatch(file.Doc.Text(), -1)
	var documented, are []string
	for _, row := range rows {
		documented = append(documented, strings.Join(row[1:], " | "))
	}
	for _, m := range figures.Metrics() {
		are = append(are, strings.Join([]string{m.Name, m.Unit, strings.Join(m.Labels, ", ")}, " | "))
	}
	if diff := cmp.Diff(are, documented); diff != "" {
		t.Errorf("the figures (-) and the comment (+):\n%s", diff)
	}
}

func TestAVarOfAnUnreadableTreeHasTheError(t *testing.T) {
	for _, v := range []figures.Var{{}, {Tree: lost{}}, {Tree: lost{panics: true}}, {Tree: lost{err: rude{}}}} {
		var shown struct {
			Error string
			Up    map[string]float64 `json:"sup.up"`
		}
		if err := json.Unmarshal([]byte(v.String()), &shown); err != nil || shown.Error == "" || shown.Up[""] != 0 || len(shown.Up) != 1 {
			t.Errorf("%s: %v", v, err)
		}
	}
}

// Spaces separate labels, and ids may have spaces.
func TestKeysOfAVarAreUnambiguous(t *testing.T) {
	var branches []sup.ChildInfo
	ids := []string{"a", "a b", "a b c", "a%20b", "c", "b c", "b%20c", "b/c"}
	for _, id := range ids {
		branch := sup.SupervisorInfo{Path: sup.ChildPath("my shop", id)}
		for _, id := range ids {
			branch.Children = append(branch.Children, sup.ChildInfo{ID: id, Incarnation: 1})
		}
		branches = append(branches, sup.ChildInfo{ID: id, Supervisor: &branch})
	}
	var shown map[string]map[string]float64
	v := figures.Var{Tree: found{tree: sup.SupervisorInfo{Path: "my shop", Children: branches}}}
	if err := json.Unmarshal([]byte(v.String()), &shown); err != nil {
		t.Fatal(err)
	}
	starts := shown["sup.starts"]
	if n := len(starts); n != len(ids)*len(ids) {
		t.Errorf("%d children, want %d", n, len(ids)*len(ids))
	}
	for _, key := range []string{"my%20shop/a c", "my%20shop/a b%20c", "my%20shop/a%20b c", "my%20shop/a%2520b b%2520c", "my%20shop/b%2Fc b%2Fc"} {
		if starts[key] != 1 {
			t.Errorf("missing %q in %v", key, starts)
		}
	}
}

// found is an inspector of a snapshot.
type found struct {
	sup.Inspector
	tree sup.SupervisorInfo
}

func (f found) Snapshot(context.Context, string) (sup.SupervisorInfo, error) { return f.tree, nil }

// lost is an inspector of an unreachable tree.
type lost struct {
	sup.Inspector
	panics bool
	err    error
}

func (l lost) Snapshot(context.Context, string) (sup.SupervisorInfo, error) {
	switch {
	case l.panics:
		panic("no tree")
	case l.err != nil:
		return sup.SupervisorInfo{}, l.err
	}
	return sup.SupervisorInfo{}, errors.New("no route to the tree")
}

// rude is an error whose method panics.
type rude struct{}

func (rude) Error() string { panic("no text") }

func TestAVarWaitsAtMostFiveSeconds(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		began := time.Now()
		text := figures.Var{Tree: mute{}}.String()
		if took := time.Since(began); took != 5*time.Second || !strings.Contains(text, `"sup.up":{"":0}`) {
			t.Errorf("after %v: %s", took, text)
		}
	})
}

// mute is an inspector that does not answer.
type mute struct{ sup.Inspector }

func (mute) Snapshot(ctx context.Context, _ string) (sup.SupervisorInfo, error) {
	<-ctx.Done()
	return sup.SupervisorInfo{}, context.Cause(ctx)
}

// Users read expvar in terminals too.
func TestAVarHasNoTerminalControls(t *testing.T) {
	const hostile = "\x1b[2J\x7f\u009b31m\u202e"
	for _, v := range []figures.Var{
		{Tree: found{tree: sup.SupervisorInfo{Path: hostile, Children: []sup.ChildInfo{{ID: hostile, Incarnation: 1}}}}},
		{Tree: lost{err: errors.New(hostile)}},
	} {
		text := v.String()
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !json.Valid([]byte(text)) {
			t.Errorf("%q", text)
		}
	}
}

func TestALabelIsValidUTF8(t *testing.T) {
	points := figures.Of(sup.SupervisorInfo{Path: "shop\xfe", Children: []sup.ChildInfo{
		{ID: "\xff", Incarnation: 1}, {ID: "%FF", Incarnation: 2},
		{ID: "\xffbelow", Supervisor: &sup.SupervisorInfo{Path: "shop\xfe/\xffbelow"}},
	}}, time.Now())
	seen := make(map[string]float64)
	for _, p := range points {
		key := figures.Metrics()[p.Metric].Name + " " + strings.Join(p.Labels, " ")
		if _, twice := seen[key]; twice || !utf8.ValidString(key) {
			t.Errorf("%q: %v", key, p)
		}
		seen[key] = p.Value
	}
	if n := seen["sup.starts shop%FE %FF"]; n != 3 {
		t.Errorf("two children with one label have %v starts: %v", n, seen)
	}
}
