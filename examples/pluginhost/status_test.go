package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
)

// statusOf returns a status with a quarantined plugin.
func statusOf(calls int, took time.Duration) status {
	return status{
		took: took, found: 40, kept: 10,
		kinds: []kindStatus{
			{content.TextKind, figures{calls, 1500 * time.Microsecond, 123456 * time.Microsecond}, []pluginStatus{
				{name: "text/0", state: sup.StateRunning, binary: "text", pid: 17, restarts: 2},
				{name: "text/1", state: sup.StateRestarting, restarts: 1},
			}},
			{content.PictureKind, figures{}, []pluginStatus{
				{name: "picture/0", state: sup.StateQuarantined, restarts: 3, reason: "panic: out of ink"},
			}},
		},
		notes:  []note{{time.Date(2026, 1, 1, 10, 20, 30, 0, time.UTC), "chaos: killed text/0 (pid 16)"}},
		ways:   []string{"page:   http://localhost:6060/", "supctl: go run ./cmd/supctl -a unix:control tree"},
		legend: []string{"operator restarts", "archive is fragile"},
	}
}

const wantedScreen = `[##########..............................] 10 of 40 files, 12s
page:   http://localhost:6060/
supctl: go run ./cmd/supctl -a unix:control tree

plugin    state       binary pid restarts calls calls/s p50   p99
text/0    running     text    17        2   100      25 1.5ms 123ms
text/1    restarting                    1
picture/0 quarantined                   3     0       0    0s    0s

operator restarts
archive is fragile
picture/0 is quarantined: panic: out of ink
10:20:30 chaos: killed text/0 (pid 16)
`

func TestTheScreenShowsEachPluginAndTheReasonOfAQuarantine(t *testing.T) {
	got := statusOf(100, 12*time.Second).render(statusOf(50, 10*time.Second), 0)
	if !strings.Contains(got, "\x1b[") {
		t.Error("no colours")
	}
	plain := regexp.MustCompile(`(?m) +$`).ReplaceAllString(ansi.Strip(got), "")
	if diff := cmp.Diff(wantedScreen, plain); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	narrow := statusOf(1, 1).render(status{}, 20)
	for line := range strings.Lines(narrow) {
		if strings.Contains(line, "quarantined:") && ansi.StringWidth(line) > 20 {
			t.Errorf("wider than the terminal: %q", line)
		}
	}
	if whole := strings.ReplaceAll(narrow, "\n", ""); !strings.Contains(whole, "http://localhost:6060/") || !strings.Contains(whole, "-a unix:control tree") {
		t.Errorf("a narrow terminal cuts the URL or the command:\n%s", narrow)
	}
}

func TestTheLegendFitsATerminalAndExplainsTheWords(t *testing.T) {
	c := calmConfig(t, "none")
	for _, c.chaos = range []bool{false, true} {
		lines := newService(c, fstest.MapFS{}, &binaries{}, discard, screen{}).legend()
		for _, line := range lines {
			if len(line) > 80 {
				t.Errorf("%d columns, want 80 at most: %s", len(line), line)
			}
		}
		text := strings.Join(lines, "\n")
		for _, word := range []string{"operator ", "archive ", "refused "} {
			if !strings.Contains(text, word) {
				t.Errorf("no %q in the legend:\n%s", word, text)
			}
		}
		if strings.Contains(text, "chaos ") != c.chaos {
			t.Errorf("chaos %v, and the legend is:\n%s", c.chaos, text)
		}
	}
}

func TestTheStatusLineHasTheTotals(t *testing.T) {
	got := statusOf(100, 12*time.Second).line(statusOf(50, 10*time.Second))
	if want := "10 of 40 files, 25 calls/s, 6 restarts, 1 quarantined"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	if got := statusOf(1, 0).rate(status{}); got != 0 {
		t.Errorf("%v calls in no time, want 0", got)
	}
}

func TestWithoutATerminalTheViewWritesLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newService(calmConfig(t, "none"), fstest.MapFS{}, &binaries{}, discard, screen{out: &out})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s.journal.note("chaos: struck")
		if err := (&View{s}).Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		want := "00:00:00 chaos: struck\n" + strings.Repeat("0 of 0 files, 0 calls/s, 0 restarts, 0 quarantined\n", 2)
		if got := regexp.MustCompile(`\d\d:\d\d:\d\d`).ReplaceAllString(out.String(), "00:00:00"); got != want {
			t.Errorf("written:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestAFileIsNotATerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newScreen(file, false).terminal {
		t.Error("a file counts as a terminal")
	}
}

func TestTheMeterMeasuresMedianAndTail(t *testing.T) {
	m := newMeter()
	for i := range 100 {
		m.count(time.Duration(i+1) * time.Millisecond)
	}
	m.count(0)
	m.count(100 * time.Hour)
	got := m.figures()
	near := func(got, want time.Duration) bool { return got > want*99/100 && got < want*101/100 }
	if got.calls != 102 || !near(got.p50, 50*time.Millisecond) || !near(got.p99, 99*time.Millisecond) && !near(got.p99, 100*time.Millisecond) {
		t.Errorf("figures %+v, want 102 calls, 50ms and 100ms", got)
	}
}

func TestVerifyReportsEveryDifference(t *testing.T) {
	source := fstest.MapFS{"a.md": {Data: []byte("# A")}, "b.go": {Data: []byte("package b")}, "c.zip": {Data: []byte("PK")}, "d.txt": {}}
	right := func() map[string]*content.Result {
		return map[string]*content.Result{"a.md": convertFile(source, "a.md"), "b.go": convertFile(source, "b.go"), "c.zip": convertFile(source, "c.zip")}
	}
	if n, err := verify(t.Context(), source, right()); n != 3 || err != nil {
		t.Errorf("%d files, %v; want 3 and no error", n, err)
	}
	for _, test := range []struct {
		change func(r map[string]*content.Result)
		want   string
	}{
		{func(r map[string]*content.Result) { delete(r, "b.go") }, "1 files, first b.go: no result"},
		{func(r map[string]*content.Result) { r["e.md"] = fine }, "1 files, first e.md: no such file"},
		{func(r map[string]*content.Result) { r["a.md"].GetText().Words++ }, "1 files, first a.md: another result"},
		{func(r map[string]*content.Result) { r["a.md"] = r["b.go"] }, "1 files, first a.md: another result"},
		{func(r map[string]*content.Result) { r["c.zip"] = refusal("other", false) }, `1 files, first c.zip: refused with "other", want "zip: not a valid zip file"`},
		{func(r map[string]*content.Result) { r["a.md"], r["b.go"] = fine, fine }, "2 files, first a.md: another result"},
	} {
		results := right()
		test.change(results)
		_, err := verify(t.Context(), source, results)
		if !errors.Is(err, errDiffers) || !strings.HasSuffix(err.Error(), " "+test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}

func TestThePlanOfFaultsDependsOnlyOnTheSeed(t *testing.T) {
	for seed := range uint64(50) {
		plan := newPlan(seed)
		if diff := cmp.Diff(plan, newPlan(seed), cmp.AllowUnexported(fault{})); diff != "" {
			t.Fatalf("seed %d has two plans:\n%s", seed, diff)
		}
		planned := make(map[faultKind]int)
		for i, s := range plan {
			planned[s.what]++
			if i > 0 && s.at < plan[i-1].at {
				t.Errorf("seed %d: fault %d is earlier than the previous one", seed, i)
			}
		}
		want := map[faultKind]int{faultKill: 10, faultStop: 2, faultCorrupt: 1, faultBadUpgrade: 1, faultUpgrade: 1, awaitStopped: 1}
		if diff := cmp.Diff(want, planned); diff != "" {
			t.Errorf("seed %d (-want +planned):\n%s", seed, diff)
		}
	}
}
