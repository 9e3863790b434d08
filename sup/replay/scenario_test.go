package replay_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/replay"
	"github.com/espalier-go/espalier/sup/suptest"
)

var errLost = errors.New("connection lost")

// The traces of Erlang's supervisor are scenarios. Those in the language of this package
// are played.
func TestTheTracesOfErlangArePlayed(t *testing.T) {
	content, err := os.ReadFile("../../sup_test/testdata/otp.txt")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for text := range strings.SplitSeq(string(content), "\n\n") {
		all, err := replay.Read(strings.NewReader(text))
		if err != nil || len(all) != 1 {
			continue
		}
		sc := all[0]
		if differs[sc.Name] {
			continue
		}
		played++
		t.Run(sc.Name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimSpace(text), strings.TrimSpace(sc.String())); diff != "" {
				t.Errorf("written (-) and read (+):\n%s", diff)
			}
			suptest.Run(t, sc.Play)
			suptest.Run(t, func(t *testing.T) { comesBack(t, sc) })
		})
	}
	if played < 30 {
		t.Errorf("%d scenarios were played; want 30 at least", played)
	}
}

// differs names the scenarios in which the contract departs from OTP, and the one that
// adds a supervisor, whose start is an event here and not in Erlang's traces.
var differs = map[string]bool{
	"O1 adds in vain":                        true,
	"T4 what an operator stopped is revived": true,
	"N2 a transient one stays down":          true,
}

// comesBack checks that the scenario of a record has the steps and traces of the one
// that was recorded, and can be played.
func comesBack(t *testing.T, sc *replay.Scenario) {
	r := sc.Record(t)
	if len(r.Events) == 0 { // its declaration is at fault
		return
	}
	made := replay.ScenarioOf(r)
	if diff := cmp.Diff(bare(sc), bare(made)); diff != "" {
		t.Errorf("played (-) and made of the record (+):\n%s", diff)
	}
	made.Play(t)
}

// bare returns a scenario without what a record does not contain: its name, its
// declaration, answers, states, and calls without effect.
func bare(sc *replay.Scenario) string {
	var lines []string
	call := "" // without effect so far
	for line := range strings.Lines(sc.String()) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " = ")
		words := strings.SplitN(line, " ", 3)
		switch words[0] {
		case "#", ":", "scenario", "supervisor", "child":
		case "terminate", "remove", "restart", "delete", "add": // a removal may be a termination and a deletion
			call = strings.Join(words[:2], " ")
			call = strings.Replace(call, "remove", "terminate", 1)
		case ">":
			if call != "" {
				lines = append(lines, call)
			}
			if strings.Contains(line, "d/k") { // members of a set stop in any order
				all := strings.Split(line[2:], ", ")
				slices.Sort(all)
				line = "> " + strings.Join(all, ", ")
			}
			fallthrough
		default:
			call = ""
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestScenariosWithTimesArePlayedAndComeBackFromARecord(t *testing.T) {
	content, err := os.ReadFile("testdata/scenarios.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := replay.Read(strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range all {
		t.Run(sc.Name, func(t *testing.T) {
			suptest.Run(t, sc.Play)
			suptest.Run(t, func(t *testing.T) { comesBack(t, sc) })
		})
	}
}

// An id may be any text. In a scenario it is a word.
func TestAnyIDIsAWordInAScenario(t *testing.T) {
	for _, id := range []string{"a b", "a,b", "a/b", "100%", "a%20b", "\xff", "\u00a0", "%2F"} {
		suptest.Run(t, func(t *testing.T) {
			faults := suptest.NewFaults(t)
			s := suptest.Start(t, suptest.Inject(faults, sup.Spec[sup.Worker]{Name: "odd", Children: []sup.ChildSpec[sup.Worker]{
				{ID: id, Start: func(context.Context) (sup.Worker, error) { return new(suptest.Worker), nil }},
			}}))
			faults.Crash(sup.ChildPath("odd", id), errLost)
			r, err := flight.Take(t.Context(), sup.Inspect(s), "")
			if err != nil {
				t.Fatal(err)
			}
			sc := replay.ScenarioOf(r)
			if !strings.Contains(sc.String(), "\n> die ") {
				t.Errorf("%q: no die in\n%s", id, sc)
			}
			again, err := replay.Read(strings.NewReader(sc.String()))
			if err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			again[0].Play(t)
		})
	}
}
