package replay

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/suptest"
)

// Run replays the files that match a pattern of [filepath.Glob], each in a subtest in
// virtual time. A file is a flight record of package flight, or has scenarios. Run
// does to a tree what workers and operators did to the recorded one. It fails the
// test if a supervisor gives up, or a child is quarantined that was quarantined in
// the record:
//
//	func TestNoIncidentComesBack(t *testing.T) {
//		replay.Run(t, "testdata/incidents/*", func(t *testing.T, f *suptest.Faults) sup.AnySupervisor {
//			return sup.New(suptest.Inject(f, orders.Spec()))
//		})
//	}
//
// The function tree returns a tree that has not been started; [Scenario.PlayOn] says
// what can be done to it. If tree is nil, the tree is made of stand-ins that are
// declared as the file says. Such a tree is mended by editing a scenario.
//
// Commands take place at the recorded times. A child that must die while it is not
// running dies once it runs. If it never runs again, the log of the test says so.
// Traces are not compared, since a mended tree behaves otherwise. A tree with none of
// the recorded children and a tree whose spec is invalid fail the test.
func Run(t *testing.T, pattern string, tree func(t *testing.T, f *suptest.Faults) sup.AnySupervisor) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("replay of %q: %v", pattern, err)
	}
	if len(files) == 0 {
		t.Fatalf("replay of %q: no such file", pattern)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			all, err := readFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, sc := range all {
				t.Run(sc.Name, func(t *testing.T) {
					suptest.Run(t, func(t *testing.T) { sc.replay(t, tree) })
				})
			}
		})
	}
}

// readFile reads the scenarios, or the record, of a file.
func readFile(file string) ([]*Scenario, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(content, []byte("{")) {
		all, err := Read(bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return all, nil
	}
	r, err := flight.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return []*Scenario{ScenarioOf(r)}, nil
}

func (sc *Scenario) replay(t *testing.T, tree func(t *testing.T, f *suptest.Faults) sup.AnySupervisor) {
	t.Helper()
	var p *player
	if tree == nil {
		p = newStandInPlayer(t, sc)
	} else {
		f := suptest.NewFaults(t)
		p = newPlayer(t, sc, f, tree(t, f), nil)
	}
	p.patient = true
	for _, s := range sc.content.Steps {
		if p.perform(s); s.Verb == "start" {
			p.checkStarted()
		}
	}
	for _, left := range p.left {
		t.Logf("left out: %s", left)
	}
	var failures []string
	before := sc.words()
	for _, e := range p.events.Events() {
		path := scenario.Field(strings.TrimPrefix(e.Path, p.root+"/"))
		if e.Kind == sup.SupervisorFailed || e.Kind == sup.ChildQuarantined && before["quarantine "+path] {
			failures = append(failures, termtext.Text(suptest.Line(e)))
		}
	}
	if len(failures) > 0 {
		t.Errorf("the tree fails again:\n\t%s\nreplayed scenario, with its traces:\n\n%s", strings.Join(failures, "\n\t"), sc)
	}
}

// checkStarted ends the test if a replay would prove nothing: the spec of the tree is
// invalid, or the tree has other children than the recorded one.
func (p *player) checkStarted() {
	p.t.Helper()
	if p.startErr != nil {
		if errors.Is(p.startErr, sup.ErrSpec) {
			p.t.Fatalf("invalid tree: %s", termtext.Text(p.startErr.Error()))
		}
		return
	}
	root := p.sc.content.Root
	if root.IsSet() {
		return // its members are added later
	}
	children, err := p.control.Children(p.t.Context(), "")
	if err != nil || len(root.Children) == 0 {
		return
	}
	var has []string
	for _, c := range children {
		id := scenario.IDField(c.ID)
		if root.Child(id) != nil {
			return
		}
		has = append(has, id)
	}
	recorded := make([]string, len(root.Children))
	for i, c := range root.Children {
		recorded[i] = c.ID
	}
	p.t.Fatalf("another tree: it has the children %s and none of those recorded, %s", cmp.Or(someOf(has), "(none)"), someOf(recorded))
}

// someOf lists ids, and counts those beyond the first twenty.
func someOf(ids []string) string {
	const most = 20
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// words returns the words of all traces.
func (sc *Scenario) words() map[string]bool {
	all := make(map[string]bool)
	for _, s := range sc.content.Steps {
		for _, w := range s.Trace {
			all[w] = true
		}
	}
	return all
}
