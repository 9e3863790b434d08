package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup"
)

// A path with a final slash names a child with an empty id, not its parent.
func TestCommandsWithSideEffectsTakePathsUnchanged(t *testing.T) {
	address, s := startOrders(t)
	stateOf := func(path string) string {
		t.Helper()
		child, err := sup.Inspect(s).Child(t.Context(), path)
		if err != nil {
			return err.Error()
		}
		return child.State.String()
	}
	for _, args := range [][]string{
		{"terminate", "orders/feeds/"}, {"restart", "orders/feeds/"}, {"delete", "orders/feeds/"}, {"shutdown", "orders/feeds/"},
		{"start", "orders/feeds/", "IBM"}, {"terminate", "orders/db/"}, {"shutdown", "orders/"},
	} {
		_, err := supctl(t, exitNotFound, append([]string{"-a", address}, args...)...)
		contains(t, err, "did you mean "+args[1][:len(args[1])-1]+", without the slash at its end?\n")
	}
	out, _ := supctl(t, exitDone, "-a", address, "start", "orders/feeds", "")
	contains(t, out, "orders/feeds/: started\n")
	out, _ = supctl(t, exitDone, "-a", address, "status", "orders/feeds/")
	contains(t, out, "path        orders/feeds/\n")
	supctl(t, exitDone, "-a", address, "terminate", "orders/feeds/")
	for path, want := range map[string]string{"orders/feeds/": "stopped", "orders/feeds": "running", "orders/feeds/ACME": "running", "orders/db": "running"} {
		if got := stateOf(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestTheResultOfAStartShowsAChildThatIsStopped(t *testing.T) {
	for state, want := range map[sup.State]string{sup.StateRunning: "a/b: restarted\n", sup.StateStopped: "a/b: restarted, now stopped\n"} {
		var out strings.Builder
		cmd := new(cobra.Command)
		cmd.SetOut(&out)
		if err := new(session).printResult(cmd, "a/b", "restarted", sup.ChildInfo{ID: "b", State: state}); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%v: %q, want %q", state, out.String(), want)
		}
	}
}
