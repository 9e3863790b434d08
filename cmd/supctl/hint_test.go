package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func TestAMistypedPathHasSuggestions(t *testing.T) {
	address, _ := startOrders(t)
	for path, want := range map[string]string{
		"orders/feds":        "did you mean orders/feeds? for the existing paths: supctl children orders",
		"orders/DB":          "did you mean orders/db? for the existing paths: supctl children orders",
		"orders/tem":         "did you mean orders/temp? ",
		"orders/feeds/acem":  "did you mean orders/feeds/ACME? for the existing paths: supctl children orders/feeds",
		"orders/feeds/red":   "did you mean 'orders/feeds/%1B[31mred'?",
		"orders/nothing":     "\nfor the existing paths: supctl children orders\n",
		"orders/nothing/x":   "\nfor the existing paths: supctl children orders\n",
		"orders/db/x":        "orders/db is a worker\nfor the existing paths: supctl tree",
		"orderz/db":          "paths begin with orders/\nfor the existing paths: supctl tree",
		"orders":             "children are below orders/\nfor the existing paths: supctl tree",
		"orders/feeds/o'nil": "\nfor the existing paths: supctl children orders/feeds\n",
	} {
		_, err := supctl(t, exitNotFound, "-a", address, "restart", path)
		contains(t, err, want)
	}
}

func TestErrorsHaveHints(t *testing.T) {
	address, _ := startOrders(t)
	for _, c := range []struct {
		code       int
		line, says string
	}{
		{exitRefused, "restart orders/control", "\nto shut down the whole tree: supctl shutdown orders\n"},
		{exitNotFound, "shutdown order", "\nto shut down the whole tree: supctl shutdown orders\n"},
		{exitNotFound, "shutdown orders/feds", "\ndid you mean orders/feeds? "},
		{exitRefused, "shutdown orders/db", "\nstop a worker with: supctl terminate orders/db\n"},
		{exitRefused, "start orders/db x", "\nfor the existing paths: supctl tree\n"},
		{exitRefused, "start orders db", "\nstart a declared child with: supctl restart orders/db\n"},
		{exitUsage, "start orders/db", "to start a stopped child, use supctl restart orders/db"},
		{exitRefused, "start orders x", "\nkeyed supervisors are marked as keyed in: supctl tree\n"},
		{exitUsage, "-a /run/control.sock tree", "supctl: -a /run/control.sock: did you mean unix:/run/control.sock?\n"},
		{exitUsage, "-a run/control.sock tree", "did you mean unix:run/control.sock?\n"},
	} {
		_, err := supctl(t, c.code, append([]string{"-a", address}, strings.Split(c.line, " ")...)...)
		contains(t, err, c.says)
	}
}

// startRooms starts and serves a keyed supervisor whose keys are numbers.
func startRooms(t *testing.T) (address string) {
	t.Helper()
	rooms := sup.NewKeyed(sup.KeyedSpec[int, idle]{Name: "rooms", Start: func(context.Context, int) (idle, error) { return idle{}, nil }})
	if err := rooms.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rooms.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	address = "unix:" + filepath.Join(t.TempDir(), "run", "control.sock")
	t.Cleanup(serve(t, rooms, address))
	return address
}

func TestAnInvalidKeyHasAHint(t *testing.T) {
	address := startRooms(t)
	_, err := supctl(t, exitRefused, "-a", address, "start", "rooms", "kitchen")
	contains(t, err, "not the text of a key", "\nfor the existing keys: supctl children rooms\n")
}

func TestCompletionOffersMatchingPaths(t *testing.T) {
	orders, _ := startOrders(t)
	rooms := startRooms(t)
	for _, c := range []struct {
		address, command, typed string
		want                    []string
	}{
		{orders, "start", "", []string{"orders/"}},
		{orders, "start", "orders/", []string{"orders/feeds", "orders/feeds/"}},
		{orders, "start", "orders/feeds/", nil},
		{rooms, "start", "", []string{"rooms/", "rooms"}},
		{orders, "tree", "orders/", []string{"orders/feeds", "orders/feeds/"}},
		{orders, "shutdown", "o", []string{"orders/", "orders"}},
		{orders, "terminate", "orders/d", []string{"orders/db"}},
		{orders, "delete", "orders/", []string{"orders/feeds/"}},
	} {
		out, _ := supctl(t, exitDone, "__complete", "-a", c.address, c.command, c.typed)
		var offered []string
		for line := range strings.Lines(out) {
			if path, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(path, ":") {
				offered = append(offered, path)
			}
		}
		if diff := cmp.Diff(c.want, offered); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", c.command, c.typed, diff)
		}
	}
}

func TestIDsAreShownAsTheyAreTyped(t *testing.T) {
	for id, shown := range map[string]string{
		"plain": "plain", "a/b": "a%2Fb", "100%": "100%25", "two words": "two words", "\x1b[2J": "%1B[2J", "ünï": "ünï",
		"\u202eevil": "%E2%80%AEevil", "\xff\xef": "%FF%EF", "\uFFFD": "\uFFFD", "a\nb": "a%0Ab", "%FF": "%25FF",
	} {
		address, s := startOrders(t)
		path := "orders/feeds/" + shown
		out, _ := supctl(t, exitDone, "-a", address, "start", "orders/feeds", id)
		contains(t, out, path+": started\n")
		for _, command := range []string{"tree", "children"} {
			out, _ := supctl(t, exitDone, "-a", address, command, "orders/feeds")
			contains(t, out, shown+" ")
		}
		out, _ = supctl(t, exitDone, "-a", address, "status", path)
		contains(t, out, "path        "+path+"\n")
		out, _ = supctl(t, exitDone, "-a", address, "events", path)
		contains(t, out, "child ready         "+path+" #1\n")
		_, said := supctl(t, exitRefused, "-a", address, "delete", path)
		contains(t, said, "supctl terminate "+shellQuoted(path)+"\n")
		supctl(t, exitDone, "-a", address, "terminate", path)
		if child, err := sup.Inspect(s).Child(t.Context(), sup.ChildPath("orders/feeds", id)); err != nil || child.State != sup.StateStopped {
			t.Errorf("%q is %v, %v", id, child.State, err)
		}
	}
}

func TestServerUserTakesANameOrANumber(t *testing.T) {
	address, _ := startOrders(t)
	for _, name := range []string{"root", "0", "12345"} {
		supctl(t, exitDone, "-a", address, "--server-user", name, "tree") // this user is always allowed
	}
	_, said := supctl(t, exitUsage, "-a", address, "--server-user", "no such user", "tree")
	contains(t, said, `--server-user "no such user": no such user`)
	_, said = supctl(t, exitUsage, "-a", "unix:@control", "tree")
	contains(t, said, "abstract socket, which any user can create")
}

func TestAnUntrustedServerHasAHint(t *testing.T) {
	s := &session{address: "unix:/tmp/control.sock"}
	contains(t, s.hint(t.Context(), remote.ErrUntrusted), "--server-user USER")
	s.address = "10.0.0.1:1"
	contains(t, s.hint(t.Context(), remote.ErrUntrusted), "--ca FILE")
}

func TestAStopOutOfTimeHasAHintForWhatWasAsked(t *testing.T) {
	s := new(session)
	asked := []sup.StuckChild{{Path: "orders/db"}}
	for _, c := range []struct {
		stuck sup.StuckError
		want  string
	}{
		{sup.StuckError{Children: asked}, "the child was asked to stop, for its stacks: supctl stacks orders/db"},
		{sup.StuckError{Children: asked, NotAsked: 2}, "the shutdown continues once this child stops, for its stacks: supctl stacks orders/db"},
		{sup.StuckError{NotAsked: 2}, "no child was asked to stop yet, for the progress: supctl tree"},
	} {
		if got := s.hint(t.Context(), &sup.CallError{Op: "terminate", Path: "orders", Err: &c.stuck}); got != c.want {
			t.Errorf("%d asked, %d not: hint %q, want %q", len(c.stuck.Children), c.stuck.NotAsked, got, c.want)
		}
	}
}

func TestAChildThatIsBeingRestartedHasAHintForEachCall(t *testing.T) {
	s := new(session)
	for op, want := range map[string]string{
		"start child": "the child exists and is about to run again: supctl status orders/db",
		"replace":     "wait, or cancel the restart: supctl terminate orders/db",
		"delete":      "wait, or cancel the restart: supctl terminate orders/db",
	} {
		err := &sup.CallError{Op: op, Path: "orders/db", Err: sup.ErrRestarting}
		if got := s.hint(t.Context(), err); got != want {
			t.Errorf("%s: hint %q, want %q", op, got, want)
		}
		if code := exitCode(err); code != exitRefused {
			t.Errorf("%s: exit code %d", op, code)
		}
	}
}

// A child that ran before a failed restart does not run any more, and the hint says so.
func TestAFailedStartHasAHintThatSaysWhatBecameOfTheChild(t *testing.T) {
	s := new(session)
	for op, want := range map[string]string{
		"start child": "the child was not added: fix the cause, then start it again",
		"restart":     "the child is stopped: fix the cause, then: supctl restart orders/db",
		"replace":     "the child is stopped: fix the cause, then: supctl restart orders/db",
	} {
		err := &sup.CallError{Op: op, Path: "orders/db", Err: &sup.StartError{Path: "orders/db", Err: context.Canceled}}
		if got := s.hint(t.Context(), err); got != want {
			t.Errorf("%s: hint %q, want %q", op, got, want)
		}
	}
}
