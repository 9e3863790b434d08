package sup_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A scenario is a tree, what is done to it, and what Erlang's supervisor made of
// that. It is written like the cases of testdata/model.txt, see otp.txt.
type scenario struct {
	*modelCase
	steps []step // one for each command
}

// step is what a command has led to.
type step struct {
	answer   string   // of the call that has returned, or ""
	trace    []event  // what the workers saw; their path and what it was
	children []string // the whole tree; the same as before if a worker is held
}

func (sc *scenario) text() string {
	var b strings.Builder
	b.WriteString((&modelCase{name: sc.name, root: sc.root}).text())
	var children string
	for i, s := range sc.steps {
		b.WriteString(sc.commands[i].String())
		if s.answer != "" {
			b.WriteString(" = " + s.answer)
		}
		b.WriteByte('\n')
		b.WriteString(sc.commands[i].below())
		if len(s.trace) > 0 {
			fmt.Fprintf(&b, "> %s\n", traceText(s.trace))
		}
		if now := strings.Join(s.children, ", "); now != children {
			children = now
			b.WriteString(strings.TrimSpace(": "+children) + "\n")
		}
	}
	return b.String()
}

func traceText(trace []event) string {
	words := make([]string, len(trace))
	for i, e := range trace {
		what, arg, _ := strings.Cut(e.what, " ")
		words[i] = strings.TrimSpace(strings.Join([]string{what, e.path, arg}, " "))
	}
	return strings.Join(words, ", ")
}

// parseTrace reads "start a, die a boom, …".
func parseTrace(text string) (trace []event) {
	for word := range strings.SplitSeq(text, ", ") {
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

// readScenarios returns the scenarios of a file, and the comment that it begins
// with.
func readScenarios(t *testing.T, file string) (comment string, all []*scenario) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ = strings.Cut(string(content), "\n\n")
	for _, text := range readCases(t, file) {
		sc, err := parseScenario(text)
		if err != nil {
			t.Fatalf("%s: %v in\n%s", file, err, text)
		}
		all = append(all, sc)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no scenarios", file)
	}
	return comment, all
}

// parseScenario reads what text prints.
func parseScenario(text string) (*scenario, error) {
	var commands strings.Builder
	var steps []step
	for line := range strings.Lines(text) {
		mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		last := len(steps) - 1
		switch mark {
		case ">":
			steps[last].trace = parseTrace(rest)
			continue
		case ":":
			steps[last].children = parseChildren(rest)
			continue
		case "scenario", "supervisor", "child", "below":
		default:
			s := step{}
			if last >= 0 {
				s.children = steps[last].children
			}
			line, s.answer, _ = strings.Cut(strings.TrimSpace(line), " = ")
			line += "\n"
			steps = append(steps, s)
		}
		commands.WriteString(line)
	}
	sc, err := parseCase(commands.String())
	return &scenario{sc, steps}, err
}
