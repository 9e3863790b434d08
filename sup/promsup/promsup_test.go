package promsup_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

func TestACollectionHasTheFiguresOfAllTrees(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		a, b := suptest.Start(t, suptest.Inject(faults, spec("a"))), sup.New(spec("b"))
		faults.Crash("db", errors.New("boom"))
		c := promsup.New(a, b)
		want := `
			# HELP sup_restarts_total Automatic restarts so far.
			# TYPE sup_restarts_total counter
			sup_restarts_total{child="db",supervisor="a"} 1
			sup_restarts_total{child="db",supervisor="b"} 0
			# HELP sup_supervisors Running supervisors.
			# TYPE sup_supervisors gauge
			sup_supervisors{supervisor="a"} 1
			sup_supervisors{supervisor="b"} 0
		`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "sup_restarts_total", "sup_supervisors"); err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(c, "sup_children"); n != 16 {
			t.Errorf("%d series of sup_children; want one for each state of each child", n)
		}
	})
}

func TestThePedanticRegistryAndTheLinterFindNothing(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(promsup.New(sup.New(spec("a")))); err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// scrape requests the metrics of a collector over HTTP, like Prometheus.
func scrape(t *testing.T, c prometheus.Collector) (status int, page string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// An unreadable tree does not hide the others.
func TestATreeThatCannotBeReadIsDown(t *testing.T) {
	odd := spec("odd")
	odd.Children[0].ID = "\xff"
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	status, page := scrape(t, promsup.NewOf(
		lost{err: errors.New("no route to the tree")},
		sup.Inspect(sup.New(spec("a"))),
		lost{err: refused},
		lost{panics: true},
		lost{path: "remote"},
		lost{path: "remote"},
		lost{path: "a"},
		lost{path: "a/db"},
		lost{path: "\x1b[2J\u202e"},
		sup.Inspect(sup.New(odd)),
	))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, page)
	}
	for _, line := range []string{
		`sup_up{tree="tree 1"} 0`, `sup_down_reason{reason="error",tree="tree 1"} 1`,
		`sup_up{tree="a"} 1`, `sup_supervisors{supervisor="a"} 0`,
		`sup_up{tree="tree 3"} 0`, `sup_down_reason{reason="connection refused",tree="tree 3"} 1`,
		`sup_up{tree="tree 4"} 0`, `sup_down_reason{reason="panic",tree="tree 4"} 1`,
		`sup_up{tree="remote"} 1`, `sup_supervisors{supervisor="remote"} 1`,
		`sup_up{tree="remote (tree 6)"} 0`, `sup_down_reason{reason="name taken",tree="remote (tree 6)"} 1`,
		`sup_up{tree="a (tree 7)"} 0`,
		`sup_up{tree="a/db (tree 8)"} 0`,
		`sup_up{tree="%1B[2J%E2%80%AE"} 1`,
		`sup_up{tree="odd"} 1`, `sup_starts_total{child="%FF",supervisor="odd"} 0`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("missing %s in\n%s", line, page)
		}
	}
}

// The path of a nested supervisor is known once it runs.
func TestANestedSupervisorBesideItsTreeDoesNotFailTheCollection(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		inner := sup.New(spec("inner"))
		outer := sup.New(sup.Spec[sup.Worker]{Name: "outer", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
		}})
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(promsup.New(inner, outer))
		if err := outer.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, outer)
		if _, err := r.Gather(); err != nil {
			t.Error(err)
		}
	})
}

// The scrape of Prometheus has a timeout of ten seconds.
func TestUnresponsiveTreesDelayACollectionByFiveSeconds(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(promsup.NewOf(mute{}, sup.Inspect(sup.New(spec("a"))), mute{}, mute{}))
		began := time.Now()
		families, err := r.Gather()
		if took := time.Since(began); err != nil || took != 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		up := make(map[string]float64)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "sup_up" {
					up[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
		if diff := cmp.Diff(map[string]float64{"tree 1": 0, "a": 1, "tree 3": 0, "tree 4": 0}, up); diff != "" {
			t.Errorf("sup_up (-want +got):\n%s", diff)
		}
	})
}

// mute is an inspector that does not answer.
type mute struct{ sup.Inspector }

func (mute) Snapshot(ctx context.Context, _ string) (sup.SupervisorInfo, error) {
	<-ctx.Done()
	return sup.SupervisorInfo{}, context.Cause(ctx)
}

func TestTreesWithEqualNamesAreNotRegistered(t *testing.T) {
	for want, c := range map[string]prometheus.Collector{
		`trees 1 and 3 are both named "supervisor" (give each Spec a Name of its own`: promsup.New(sup.New(spec("")), sup.New(spec("a")), sup.New(spec(""))),
		`tree 2 is nil (pass a supervisor, or an inspector of one)`:                   promsup.NewOf(lost{}, nil),
		`tree 1 is nil`: promsup.New(nil),
	} {
		if err := prometheus.NewRegistry().Register(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// lost is an inspector that panics, or returns its error or a tree with its path.
type lost struct {
	sup.Inspector
	err    error
	panics bool
	path   string
}

func (l lost) Snapshot(context.Context, string) (sup.SupervisorInfo, error) {
	if l.panics {
		panic("no tree")
	}
	return sup.SupervisorInfo{Path: l.path, Running: true}, l.err
}

// The package comment lists the collected metrics.
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
