package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// broken is a worker that fails at once with an error of two lines.
type broken struct{}

func (broken) Run(context.Context) error {
	return errors.Join(errors.New("dial a: refused"), errors.New("dial b: refused"))
}

// startTroubled starts and serves a tree with failing children at two levels.
func startTroubled(t *testing.T) (address string) {
	t.Helper()
	child := func(id string, w func() sup.Worker) sup.ChildSpec[sup.Worker] {
		return sup.ChildSpec[sup.Worker]{ID: id, Budget: sup.Intensity{Restarts: 1, Within: time.Hour}, Backoff: sup.Backoff{Min: time.Millisecond, Max: time.Minute}, Start: func(context.Context) (sup.Worker, error) { return w(), nil }}
	}
	above := func(id string, children ...sup.ChildSpec[sup.Worker]) sup.ChildSpec[sup.Worker] {
		return child(id, func() sup.Worker { return sup.New(sup.Spec[sup.Worker]{Children: children}) })
	}
	bad := child("bad", func() sup.Worker { return broken{} })
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{
		above("outer", above("inner", bad), bad), child("good", func() sup.Worker { return idle{} }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	address = "unix:" + filepath.Join(t.TempDir(), "run", "control.sock")
	t.Cleanup(serve(t, s, address))
	for deadline := time.Now().Add(patience.Bound); ; time.Sleep(time.Millisecond) {
		status, err := sup.Inspect(s).Status(t.Context(), "")
		if err == nil && status.Below[sup.StateQuarantined] == 2 {
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v, %v", status, err)
		}
	}
}

func TestStatusShowsTroubledDescendants(t *testing.T) {
	address := startTroubled(t)
	out, _ := supctl(t, exitDone, "-a", address, "status")
	contains(t, out, "children    2: 2 running\n", "below them  3: 1 running, 2 quarantined\n")
	out, _ = supctl(t, exitDone, "-a", address, "status", "app/outer")
	contains(t, out, "children    2: 1 running, 1 quarantined\n", "below them  1: 1 quarantined\n")
	out, _ = supctl(t, exitDone, "-a", address, "status", "app/outer/inner")
	contains(t, out, "children    1: 1 quarantined\n")
	if strings.Contains(out, "below them") {
		t.Errorf("no descendants:\n%s", out)
	}
	supctl(t, exitDegraded, "-a", address, "status", "--check")
}

func TestStatusShowsBudgetAndBackoff(t *testing.T) {
	address := startTroubled(t)
	out, _ := supctl(t, exitDone, "-a", address, "status", "app/outer/bad")
	contains(t, out, "quarantined", "budget      1 of 1 in 1h\nbackoff     1ms..1m\n")
	out, _ = supctl(t, exitDone, "-a", address, "status", "app/good")
	contains(t, out, "budget      0 of 1 in 1h\n")
	address, _ = startOrders(t)
	out, _ = supctl(t, exitDone, "-a", address, "status", "orders/db")
	if strings.Contains(out, "budget") || strings.Contains(out, "backoff") {
		t.Errorf("budget or backoff shown:\n%s", out)
	}
	out, _ = supctl(t, exitDone, "-a", address, "status")
	contains(t, out, "restarts    0 of 3 in 5s\n")
}

func TestJoinedErrorsAreAligned(t *testing.T) {
	address := startTroubled(t)
	out, _ := supctl(t, exitDone, "-a", address, "status", "app/outer/bad")
	contains(t, out, "last exit   abnormal: dial a: refused\n            dial b: refused\n")
	out, _ = supctl(t, exitDone, "-a", address, "tree")
	contains(t, out, "last exit abnormal: dial a: refused / dial b: refused\n")
}

// The command, the tree of package sup and package suptest describe an exit alike. A
// requested exit does not read like a failure.
func TestAnExitHasTheSameTextEverywhere(t *testing.T) {
	errOwn := fmt.Errorf("closed: %w", sup.ErrShutdown)
	for want, exit := range map[string]sup.Exit{
		"normal":                                 {Kind: sup.ExitNormal},
		"abnormal: context canceled":             {Kind: sup.ExitAbnormal, Err: context.Canceled},
		"abnormal: no":                           {Kind: sup.ExitAbnormal, Err: errors.New("no")},
		"shutdown":                               {Kind: sup.ExitShutdown, Err: context.Canceled},
		"shutdown: closed: shutdown":             {Kind: sup.ExitShutdown, Err: errOwn},
		"shutdown: restart after failure of a/b": {Kind: sup.ExitShutdown, Err: &sup.StopError{Reason: sup.ReasonRound, Path: "a/b"}},
		"shutdown: termination by an operator":   {Kind: sup.ExitShutdown, Err: &sup.StopError{Reason: sup.ReasonOperator}},
	} {
		e := sup.Event{Kind: sup.ChildExited, Path: "a/c", Incarnation: 1, Exit: exit}
		child := sup.ChildInfo{ID: "c", State: sup.StateStopped, LastExit: exit}
		for where, text := range map[string]string{
			"supctl events": ansi.Strip(eventLine(e)),
			"supctl tree":   strings.Join(childFacts(child), ", "),
			"suptest":       suptest.Line(e),
			"tree":          strings.TrimSuffix(sup.SupervisorInfo{Name: "a", Children: []sup.ChildInfo{child}}.String(), "\n"),
		} {
			if where == "tree" && exit.Kind == sup.ExitShutdown {
				continue // shown by supctl only
			}
			if !strings.HasSuffix(text, want) {
				t.Errorf("%s: %q does not end with %q", where, text, want)
			}
		}
	}
}

func TestStatusSaysWhenTheSupervisorEndsWithItsChildren(t *testing.T) {
	for auto, want := range map[sup.AutoShutdown]string{
		sup.AutoShutdownNever:          "",
		sup.AutoShutdownAnySignificant: "ends with   the first significant child\n",
		sup.AutoShutdownAllSignificant: "ends with   the last significant child\n",
	} {
		var out strings.Builder
		if err := printStatus(&out, sup.SupervisorInfo{Path: "app", AutoShutdown: auto, Seq: 12, LastEvent: 9}); err != nil {
			t.Fatal(err)
		}
		contains(t, out.String(), want, "events      12 in the tree, the last here is number 9\n")
		if want == "" && strings.Contains(out.String(), "ends with") {
			t.Errorf("never in\n%s", out.String())
		}
	}
}
