package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// A screen is a top with simulated input.
type screen struct {
	t *testing.T
	*top
}

// press sends keys and runs the commands that they return.
func (s screen) press(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		msg := tea.KeyPressMsg{Text: key, Code: []rune(key)[0]}
		switch key {
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "left":
			msg = tea.KeyPressMsg{Code: tea.KeyLeft}
		case "down":
			msg = tea.KeyPressMsg{Code: tea.KeyDown}
		case "up":
			msg = tea.KeyPressMsg{Code: tea.KeyUp}
		}
		if _, cmd := s.Update(msg); cmd != nil {
			s.Update(cmd())
		}
	}
}

// look takes the next snapshot of the tree.
func (s screen) look() {
	s.t.Helper()
	s.Update(s.top.snapshot(s.tree.Path)())
}

func (s screen) text() string { return ansi.Strip(s.draw()) }

// ids returns the ids of the children from top to bottom, and marks the selected one.
func (s screen) ids() string {
	var ids []string
	for _, c := range s.children() {
		id := c.ID
		if id == s.selectedID {
			id = "[" + id + "]"
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

type failing struct{ fail chan struct{} }

func (f failing) Run(ctx context.Context) error {
	select {
	case <-f.fail:
		return errors.New("lost")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startScreen(t *testing.T) (s screen, fail chan struct{}) {
	t.Helper()
	fail = make(chan struct{})
	start := func(w sup.Worker) func(context.Context) (sup.Worker, error) {
		return func(context.Context) (sup.Worker, error) { return w, nil }
	}
	inner := sup.New(sup.Spec[sup.Worker]{Name: "inner", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "x/y", Start: start(failing{fail})}, {ID: "z", Start: start(idle{})},
	}})
	tree, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "a", Start: start(idle{})}, {ID: "b", Start: start(idle{})}, {ID: "inner", Start: start(inner)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return screen{t, newTop(t.Context(), controlled(t, tree), time.Second, tree.Snapshot())}, fail
}

// controlled returns a client of a server outside of the tree.
func controlled(t *testing.T, tree sup.AnySupervisor) *remote.Client {
	t.Helper()
	address := "unix:" + filepath.Join(t.TempDir(), "run", "control.sock")
	stop := serve(t, tree, address)
	c, err := remote.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		stop()
	})
	return c
}

func TestTopSortsAndDescends(t *testing.T) {
	s, fail := startScreen(t)
	for n := 1; n <= 2; n++ {
		fail <- struct{}{}
		for totalRestarts(s.tree.Children[2]) < n { // as soon as it is noticed
			s.look()
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := s.ids(); got != want {
			t.Errorf("shown: %s, want %s", got, want)
		}
	}
	expect("inner [a] b") // restarts below count
	s.press("up")
	expect("[inner] a b")
	contains(t, s.text(), "inner/", "3 children, 3 running", "by restarts")
	s.press("s", "s")
	expect("a b [inner]")
	s.press("enter")
	expect("[x/y] z")
	contains(t, s.text(), "app/inner", "abnormal: lost")
	s.press("down", "down", "down")
	expect("x/y [z]")
	s.press("enter")
	contains(t, s.text(), "not a running supervisor")
	s.press("left")
	expect("a b [inner]")
	s.press("left")
	expect("a b [inner]")
}

func TestTopAsksForConfirmation(t *testing.T) {
	s, _ := startScreen(t)
	incarnation := func() int {
		s.look()
		return s.tree.Children[0].Incarnation
	}
	s.press("r")
	contains(t, s.text(), "restart a? y: yes")
	s.press("n")
	contains(t, s.text(), "cancelled")
	if n := incarnation(); n != 1 {
		t.Errorf("incarnation %d", n)
	}
	s.press("r", "y")
	contains(t, s.text(), "app/a: restarted")
	if n := incarnation(); n != 2 {
		t.Errorf("incarnation %d", n)
	}
	s.press("t", "y")
	contains(t, s.text(), "app/a: terminated")
	s.look()
	contains(t, s.text(), "1 stopped")
}

func TestTopShowsTroubledDescendants(t *testing.T) {
	c, err := remote.Dial(startTroubled(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	tree, err := c.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := screen{t, newTop(t.Context(), c, time.Second, tree)}
	contains(t, s.text(), "2 children, 2 running, 2 quarantined below\n")
	s.press("enter")
	contains(t, s.text(), "2 children, 1 running, 1 quarantined, 1 quarantined below\n")
	for _, line := range strings.Split(s.text(), "\n") {
		if strings.HasPrefix(line, "inner/") && !strings.HasSuffix(line, "  1 quarantined below") {
			t.Errorf("line %q", line)
		}
	}
	inner := sup.SupervisorInfo{Children: []sup.ChildInfo{{State: sup.StateStuck}, {State: sup.StateStopped}}}
	s.setTree(sup.SupervisorInfo{Path: "app", Children: []sup.ChildInfo{{ID: "x", State: sup.StateRunning, Supervisor: &inner}}})
	contains(t, s.text(), "1 children, 1 running, 1 stuck below\n")
}

func TestTopFitsAnyScreen(t *testing.T) {
	s, _ := startScreen(t)
	for _, size := range [][2]int{{80, 24}, {20, 6}, {1, 1}, {300, 100}, {40, 7}} {
		s.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, id := range []string{"a", "b", "inner"} {
			s.selectedID = id
			lines := strings.Split(s.text(), "\n")
			if size[1] > frame && (len(lines) != size[1] || !strings.Contains(s.text(), id[:1])) {
				t.Errorf("%v: %d lines, and %s among them: %v", size, len(lines), id, lines)
			}
			for _, line := range lines {
				if ansi.StringWidth(line) > size[0] {
					t.Errorf("%v: line of %d columns: %q", size, ansi.StringWidth(line), line)
				}
			}
		}
	}
}

func TestTopContinuesWithoutAServer(t *testing.T) {
	s, _ := startScreen(t)
	_, cmd := s.Update(snapshotMsg{"app", sup.SupervisorInfo{}, errors.New("it is gone")})
	contains(t, s.text(), "it is gone", "3 children")
	if cmd == nil {
		t.Error("no further snapshot")
	}
	s.look()
	if strings.Contains(s.text(), "it is gone") {
		t.Error("the error is still shown")
	}
}
