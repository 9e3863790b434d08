package sup_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/internal/scenario"
)

// TestCasesThatFoundFaultsStillPass replays testdata/model.txt on model and
// engine. The file has shrunk random cases that found a fault.
func TestCasesThatFoundFaultsStillPass(t *testing.T) {
	for _, read := range readCases(t, "testdata/model.txt") {
		read.Comments = nil
		sc := caseOf(read)
		t.Run(sc.name, func(t *testing.T) {
			m := newModel(sc.root)
			for _, cmd := range sc.commands {
				sc.want = append(sc.want, m.perform(cmd))
			}
			if m.silent != "" {
				t.Fatalf("the contract leaves open %s", m.silent)
			}
			if diff := cmp.Diff(read.String(), sc.text()); diff != "" {
				t.Errorf("the file (-) and what the model says (+):\n%s", diff)
			}
			if diff := sc.run(t); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAScenarioReadsAsItWasWritten(t *testing.T) {
	set(t, "rapid.nofailfile", "true")
	rapid.Check(t, func(rt *rapid.T) {
		sc := drawCase(rt)
		all, err := scenario.ReadExtended(strings.NewReader(sc.text()))
		if err != nil {
			rt.Fatal(err)
		}
		read := caseOf(all[0])
		m := newModel(read.root)
		for _, cmd := range read.commands {
			read.want = append(read.want, m.perform(cmd))
		}
		if diff := cmp.Diff(sc.text(), read.text()); diff != "" {
			rt.Fatalf("written (-) and read (+):\n%s", diff)
		}
	})
}

// readCases returns the scenarios of a file, in the language of the OTP traces.
func readCases(t *testing.T, file string) []*scenario.Scenario {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := scenario.ReadExtended(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return all
}

// caseOf returns the tree and the commands of a scenario, without its traces. The model
// makes the traces.
func caseOf(sc *scenario.Scenario) *modelCase {
	c := &modelCase{name: sc.Name, root: sc.Root}
	for _, s := range sc.Steps {
		cmd := command{verb: s.Verb, path: s.Path, arg: s.Arg, time: s.Time, spec: s.Add}
		if s.Add != nil {
			cmd.path = scenario.Parent(s.Path)
		}
		c.commands = append(c.commands, cmd)
	}
	return c
}

// scenario returns the case with the traces that are known.
func (sc *modelCase) scenario() *scenario.Scenario {
	all := &scenario.Scenario{Name: sc.name, Root: sc.root}
	for i, cmd := range sc.commands {
		s := cmd.step()
		if i < len(sc.want) {
			s.Trace = traceWords(sc.want[i].events)
		}
		all.Append(s)
	}
	return all
}

// text formats a case for readCases.
func (sc *modelCase) text() string { return sc.scenario().String() }

func (c command) step() scenario.Step {
	s := scenario.Step{Verb: c.verb, Path: c.path, Arg: c.arg, Time: c.time, Add: c.spec}
	if c.spec != nil {
		s.Path = scenario.Join(c.path, c.spec.ID)
	}
	return s
}

func (c command) String() string { return c.step().String() }

// traceWords formats events as a trace has them: "die a boom".
func traceWords(events []event) (words []string) {
	for _, e := range events {
		what, arg, _ := strings.Cut(e.what, " ")
		words = append(words, strings.TrimSpace(strings.Join([]string{what, e.path, arg}, " ")))
	}
	return words
}
