package suptest_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestAScenarioWithFaultsListsThemAll(t *testing.T) {
	_, err := suptest.ReadScenarios(strings.NewReader(`start
scenario s
supervisor one_for_none 3/5s
supervisor one_for_one many
child a
child a forever
child a permanent backoff=1s
child a permanent fail=3..2:error fail=1..1:sleep
child a permanent colour=red
child a permanent
child a permanent
child b/c permanent
child r permanent replicas
child k permanent keyed 3/5s each
jump a
die a
terminate
stop a
pass soon
pass -1s
add b
child c permanent each transient
child c permanent keyed 3x/5s
child c permanent keyed 3/5s max=3oops
child c permanent factor=2,5
child c permanent replicas 3/5s count=2.7
child c permanent fail=1..2x
`))
	if err == nil {
		t.Fatal("read")
	}
	for _, want := range []string{
		`suptest: line 1: "start" before any "scenario NAME"`,
		`line 3: "one_for_none" is no strategy: use one_for_one, one_for_all, rest_for_one`,
		`line 4: "many" is no intensity, such as 3/5s or unlimited`,
		`line 5: want "child PATH RESTART …"`,
		`line 6: child a: "forever" is no restart policy: use permanent, transient, temporary`,
		`line 7:19: child a: backoff=1s`,
		`line 8:19: child a: fail=3..2:error: "3..2" are no attempts, such as 2..3`,
		`line 9: child a: "colour=red" is not known here`,
		`line 11: child a is declared twice`,
		`line 12: child b/c: no supervisor b is declared above`,
		`line 13: child r: replicas: the intensity is missing, such as 3/5s`,
		`line 14: child k: each: say what each is like`,
		`line 15: "jump" is no command`,
		`line 16: want "die PATH HOW"`,
		`line 17: want "terminate PATH"`,
		`line 18: stop stands alone`,
		`line 19: time: invalid duration "soon"`,
		`line 20: is negative`,
		`line 21: want "add PATH RESTART …"`,
		`line 22: child c: each: only a set has them; it stands behind keyed or replicas`,
		`line 23: child c: "3x/5s" is no intensity, such as 3/5s or unlimited: "3x" is no whole number`,
		`line 24:30: child c: max=3oops: "3oops" is no whole number`,
		`line 25:19: child c: factor=2,5: "2,5" is no number`,
		`line 26:33: child c: count=2.7: "2.7" is no whole number`,
		`line 27:19: child c: fail=1..2x: "1..2x" are no attempts, such as 2..3`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	if _, err := suptest.ReadScenarios(strings.NewReader("\n")); err == nil || !strings.Contains(err.Error(), "no scenario: begin one") {
		t.Errorf("of nothing: %v", err)
	}
}

// What a record does not tell, or the format cannot say, is a comment.
func TestWhatAScenarioCannotSayIsAComment(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(seq uint64, after time.Duration, kind sup.EventKind, path string, n int) sup.Event {
		return sup.Event{Seq: seq, Time: at.Add(after), Kind: kind, Path: path, ID: path[strings.LastIndexByte(path, '/')+1:], Incarnation: n}
	}
	crash := event(7, 0, sup.ChildExited, "shop/a", 4)
	crash.Exit = sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("dial tcp 10.0.0.1:80, refused\nand more")}
	r := &flight.Record{Taken: at, Events: []sup.Event{
		crash,
		event(8, 0, sup.ChildRestarting, "shop/a", 4),
		event(9, 0, sup.ChildStarting, "shop/a", 5),
		event(10, 20*time.Millisecond, sup.ChildReady, "shop/a", 5),
		event(11, time.Second, sup.ChildReady, "shop/a/own/x", 1),
		event(12, time.Second, sup.ChildReady, "shop/gone", 3),
	}, Tree: sup.SupervisorInfo{Path: "shop", Intensity: sup.DefaultIntensity, Running: true, Children: []sup.ChildInfo{
		{ID: "a", State: sup.StateRunning, Incarnation: 5, Policy: sup.Policy{Watchdog: time.Minute, Backoff: sup.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.5, ResetAfter: time.Minute}}},
		{ID: "keys", Kind: sup.KindSupervisor, State: sup.StateStopped},
	}}}
	got := suptest.ScenarioOf(r).String()
	for _, want := range []string{
		"# shop, recorded until 2026-01-02T03:04:05Z: 6 events.",
		"# The record does not reach back to the start of the tree",
		"# a has a watchdog of 1m0s",
		"# The backoff of a has a jitter of 0.5",
		"# a/own/x is below a worker",
		"# gone was gone when the snapshot was taken",
		"# keys was down: how it and what is below it are declared is a guess.",
		"# dial tcp 10.0.0.1:80, refused …\ndie a dial-tcp-10.0.0.1:80-refused\n",
		"child a permanent backoff=1s..1m0s slow=20ms\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if _, err := suptest.ReadScenarios(strings.NewReader(got)); err != nil {
		t.Error(err)
	}
}

// FuzzRecord: whatever a record tells, there is a scenario of it that can be
// read.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"flight":1,"taken":"2026-01-02T03:04:05Z","complete":true}
{"tree":{"path":"top","intensity":{"restarts":3,"within":5000000000},"children":[{"id":"a","restart":"transient"},{"id":"k","kind":"supervisor","supervisor":{"path":"top/k","set":"keyed","intensity":{"restarts":-1}}}]}}
{"event":{"seq":1,"time":"2026-01-02T03:04:05Z","kind":"child starting","path":"top/a","id":"a","incarnation":1}}
{"event":{"seq":2,"time":"2026-01-02T03:04:06Z","kind":"child exited","path":"top/a","id":"a","incarnation":1,"exit":"abnormal","error":"no"}}
{"event":{"seq":3,"time":"2026-01-02T03:04:06Z","kind":"child starting","path":"top/k/x","id":"x","incarnation":1}}
{"event":{"seq":4,"time":"2026-01-02T03:04:06Z","kind":"supervisor stopped","path":"top","exit":"normal"}}
{"end":4}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := flight.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		sc := suptest.ScenarioOf(r)
		if _, err := suptest.ReadScenarios(strings.NewReader(sc.String())); err != nil {
			t.Fatalf("%v:\n%s", err, sc)
		}
	})
}
