package suptest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// Replay lets what has happened happen again: for each file that the pattern fits
// (see [filepath.Glob]), in a subtest of that name in virtual time, it does to a
// tree what was done to the one of that time, by its workers and by operators. A
// file is a flight record, as package flight writes it, or scenarios. Replay fails
// the test where the tree comes to grief: where a supervisor gives up, or a child is
// quarantined that was so before. So the record of an incident is a failing test, and
// a regression test once the tree has been mended:
//
//	func TestNoIncidentComesBack(t *testing.T) {
//		suptest.Replay(t, "testdata/incidents/*", func(t *testing.T, f *suptest.Faults) sup.AnySupervisor {
//			return sup.New(suptest.Inject(f, orders.Spec()))
//		})
//	}
//
// The function makes the tree, which must not have been started; see
// [Scenario.PlayOn] for what can be done to it. If the function is nil the tree is
// one of stand-ins, declared as the file says: then it is the file's declaration
// that can be mended, in a scenario.
//
// Commands take place at the times that are recorded. A child that is to die and
// does not run at that moment dies as soon as it does; if it never will, its death
// does not come, and the log of the test says so. Traces are not compared: the
// mended tree is to behave otherwise. A tree that has none of the children of that
// time, and one whose spec has faults, fail the test.
func Replay(t *testing.T, pattern string, tree func(t *testing.T, f *Faults) sup.AnySupervisor) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("suptest: replay of %q: %v", pattern, err)
	}
	if len(files) == 0 {
		t.Fatalf("suptest: replay of %q: there is no such file", pattern)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			all, err := load(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, sc := range all {
				t.Run(sc.Name, func(t *testing.T) {
					Run(t, func(t *testing.T) { sc.replay(t, tree) })
				})
			}
		})
	}
}

// load reads the scenarios of a file.
func load(file string) ([]*Scenario, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("suptest: %w", err)
	}
	if !bytes.HasPrefix(content, []byte("{")) {
		all, err := ReadScenarios(bytes.NewReader(content))
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

func (sc *Scenario) replay(t *testing.T, tree func(t *testing.T, f *Faults) sup.AnySupervisor) {
	f := NewFaults(t)
	var p *player
	if tree == nil {
		stand := newStandIns(f)
		p = newPlayer(t, sc, f, stand.tree(sc.Name, sc.root), stand)
	} else {
		p = newPlayer(t, sc, f, tree(t, f), nil)
	}
	p.patient = true
	for _, s := range sc.steps {
		if p.perform(s); s.verb == "start" {
			p.started()
		}
	}
	for _, left := range p.left {
		t.Logf("suptest: it did not come to %s", left)
	}
	var grief []string
	told := sc.words()
	for _, e := range p.events.Events() {
		path := fieldOf(strings.TrimPrefix(e.Path, p.root+"/"))
		if e.Kind == sup.SupervisorFailed || e.Kind == sup.ChildQuarantined && told["quarantine "+path] {
			grief = append(grief, shownLine(e))
		}
	}
	if len(grief) > 0 {
		t.Errorf("suptest: it comes to grief again:\n\t%s\nwhat was done to it, and came of it then:\n\n%s", strings.Join(grief, "\n\t"), sc)
	}
}

// started ends the test where the tree cannot come to grief: if its spec has faults,
// or if it is a tree of other children.
func (p *player) started() {
	p.t.Helper()
	if p.failed != nil {
		if errors.Is(p.failed, sup.ErrSpec) {
			p.t.Fatalf("suptest: the tree cannot be replayed on: %s", termtext.Text(p.failed.Error()))
		}
		return
	}
	if p.sc.root.set() {
		return // its members come later
	}
	children, err := p.control.Children(p.t.Context(), "")
	if err != nil {
		return
	}
	were := p.sc.root.children
	var are []string
	for _, c := range children {
		id := idField(c.ID)
		if p.sc.root.byID[id] != nil {
			return
		}
		are = append(are, id)
	}
	if len(were) > 0 {
		ids := make([]string, len(were))
		for i, c := range were {
			ids[i] = c.id
		}
		p.t.Fatalf("suptest: the tree is another one: it has none of the children of that time, %s; its own are %s", some(ids), cmp.Or(some(are), "none"))
	}
}

// some names ids, and says how many more there are than one would want to read.
func some(ids []string) string {
	const most = 20
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// words are those of all traces.
func (sc *Scenario) words() map[string]bool {
	all := make(map[string]bool)
	for _, s := range sc.steps {
		for _, w := range s.trace {
			all[w] = true
		}
	}
	return all
}
