package sup_test

import (
	"os"
	"strings"
	"testing"
)

// An otpCase is a tree, the commands on it, and the outcome on Erlang's supervisor.
type otpCase struct {
	*modelCase
	steps []step // one for each command
}

// A step is what followed from a command.
type step struct {
	answer   string   // of the call that has returned, or ""
	trace    []event  // what the workers saw, with path and event
	children []string // of the whole tree; unchanged if a worker is held
}

// text formats the case for readScenarios. Children are listed if they have changed.
func (sc *otpCase) text() string {
	all := sc.scenario()
	before := ""
	for i, s := range sc.steps {
		to := &all.Steps[i]
		to.Answer, to.Trace = s.answer, traceWords(s.trace)
		if now := strings.Join(s.children, ", "); now != before {
			to.Children, before = &now, now
		}
	}
	return all.String()
}

// parseTrace parses words such as "die a boom".
func parseTrace(words []string) (trace []event) {
	for _, word := range words {
		if f := strings.Fields(word); len(f) > 1 {
			trace = append(trace, event{what: strings.Join(append(f[:1:1], f[2:]...), " "), path: f[1]})
		}
	}
	return trace
}

func parseChildren(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}

// readScenarios returns the comment at the top of a file, and its scenarios.
func readScenarios(t *testing.T, file string) (comment string, all []*otpCase) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ = strings.Cut(string(content), "\n\n")
	for _, read := range readCases(t, file) {
		sc := &otpCase{modelCase: caseOf(read)}
		var children []string
		for _, s := range read.Steps {
			if s.Children != nil {
				children = parseChildren(*s.Children)
			}
			sc.steps = append(sc.steps, step{s.Answer, parseTrace(s.Trace), children})
		}
		all = append(all, sc)
	}
	return comment, all
}
