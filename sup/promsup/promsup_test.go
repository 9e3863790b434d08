package promsup_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/promsup"
	"github.com/espalier-go/espalier/sup/suptest"
)

func spec(name string) sup.Spec[*suptest.Worker] {
	return sup.Spec[*suptest.Worker]{Name: name, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*suptest.Worker]{
		{ID: "db", Start: func(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil }},
	}}
}

func TestACollectionTellsTheFiguresOfAllTrees(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		a, b := suptest.Start(t, suptest.Inject(faults, spec("a"))), sup.New(spec("b"))
		faults.Crash("db", errors.New("boom"))
		c := promsup.New(a, b)
		want := `
			# HELP sup_restarts_total Incarnations that no operator and no start asked for.
			# TYPE sup_restarts_total counter
			sup_restarts_total{child="db",supervisor="a"} 1
			sup_restarts_total{child="db",supervisor="b"} 0
			# HELP sup_supervisors Supervisors that are up.
			# TYPE sup_supervisors gauge
			sup_supervisors{supervisor="a"} 1
			sup_supervisors{supervisor="b"} 0
		`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "sup_restarts_total", "sup_supervisors"); err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(c, "sup_children"); n != 16 {
			t.Errorf("%d of sup_children; want one for each state of each child", n)
		}
	})
}

func TestThePedanticRegistryAndTheLinterAreContent(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(promsup.New(sup.New(spec("a")))); err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// A tree that is not reached does not hide the others, and an id that is no
// label is an error and no panic.
func TestWhatCannotBeToldIsAnError(t *testing.T) {
	errLost := errors.New("no route to the tree")
	odd := spec("odd")
	odd.Children[0].ID = "\xff"
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(promsup.NewOf(lost{err: errLost}, nil, sup.Inspect(sup.New(spec("a"))), sup.Inspect(sup.New(odd))))
	families, err := r.Gather()
	if !errors.Is(err, errLost) && (err == nil || !strings.Contains(err.Error(), errLost.Error())) {
		t.Errorf("error: %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "tree 1: is nil: give a supervisor") {
		t.Errorf("error of the tree that is nil: %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error of the odd id: %v", err)
	}
	if len(families) == 0 {
		t.Error("nothing is told")
	}
}

type lost struct {
	sup.Inspector
	err error
}

func (l lost) Tree(context.Context, string) (sup.SupervisorInfo, error) {
	return sup.SupervisorInfo{}, l.err
}

// The package comment lists what is collected.
func TestThePackageCommentListsTheNames(t *testing.T) {
	descs := make(chan *prometheus.Desc, 100)
	promsup.New().Describe(descs)
	close(descs)
	var are []string
	for d := range descs {
		m := regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		are = append(are, m[1]+"{"+m[2]+"}")
	}
	source, err := os.ReadFile("promsup.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile(`sup_\w+\{[a-z,]*\}`).FindAllString(string(source), -1)
	if diff := cmp.Diff(are, documented); diff != "" {
		t.Errorf("collected (-) and listed (+):\n%s", diff)
	}
}
