package replay_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/replay"
)

// What a record does not contain, or the format cannot express, is a comment.
func TestWhatAScenarioCannotExpressIsAComment(t *testing.T) {
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
	got := replay.ScenarioOf(r).String()
	for _, want := range []string{
		"# shop, recorded until 2026-01-02T03:04:05Z: 6 events.",
		"# The record does not reach back to the start of the tree",
		"# a has a watchdog of 1m0s",
		"# The backoff of a has a jitter of 0.5",
		"# a/own/x is below a worker",
		"# gone was gone when the snapshot was taken",
		"# keys was down: its declaration and what is below it are guesses.",
		"# dial tcp 10.0.0.1:80, refused …\ndie a dial-tcp-10.0.0.1:80-refused\n",
		"child a permanent backoff=1s..1m0s slow=20ms\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
	if _, err := replay.Read(strings.NewReader(got)); err != nil {
		t.Error(err)
	}
}

// FuzzRecord finds records whose scenarios cannot be read.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"flight":1,"taken":"2026-01-02T03:04:05Z","complete":true}
{"tree":{"path":"top","intensity":{"restarts":3,"within":5000000000},"children":[{"id":"a","restart":"transient"},{"id":"k","kind":"supervisor","supervisor":{"path":"top/k","set":"keyed","intensity":{"restarts":-1}}}]}}
{"event":{"seq":1,"time":"2026-01-02T03:04:05Z","kind":"child starting","path":"top/a","id":"a","incarnation":1}}
{"event":{"seq":2,"time":"2026-01-02T03:04:06Z","kind":"child exited","path":"top/a","id":"a","incarnation":1,"exit":"abnormal","error":"no"}}
{"event":{"seq":3,"time":"2026-01-02T03:04:06Z","kind":"child starting","path":"top/k/x","id":"x","incarnation":1}}
{"event":{"seq":4,"time":"2026-01-02T03:04:06Z","kind":"supervisor stopped","path":"top","exit":"normal"}}
{"end":4}`))
	f.Add([]byte(`{"flight":1,"taken":"2026-01-02T03:04:05Z","complete":true}
{"tree":{"path":"top","intensity":{"restarts":3,"within":5000000000},"children":[{"id":"a"},{"id":"a"}]}}
{"end":0}`)) // an edited record
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := flight.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		sc := replay.ScenarioOf(r)
		if _, err := replay.Read(strings.NewReader(sc.String())); err != nil {
			t.Fatalf("%v:\n%s", err, sc)
		}
	})
}
