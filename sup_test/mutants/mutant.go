package main

import (
	"fmt"
	"slices"
	"strings"
)

// A mutant is one way in which the engine is broken on purpose.
type mutant struct {
	name  string
	why   string // the lines of the contract, and what no longer holds
	edits []edit
}

// An edit replaces consecutive lines of a function, or of a whole file.
type edit struct {
	file     string
	function string // "" if the lines are in no function
	old, new []string
}

// parse reads the mutants of engine.txt. The head of that file describes the
// format.
func parse(text string) ([]*mutant, error) {
	var all []*mutant
	var m *mutant
	names := make(map[string]bool)
	for i, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.TrimSpace(line) == "", word == "#":
			continue
		case word == "mutant":
			if names[rest] {
				return nil, fmt.Errorf("line %d: two mutants are named %s", i+1, rest)
			}
			names[rest] = true
			m = &mutant{name: rest}
			all = append(all, m)
		case m == nil:
			return nil, fmt.Errorf("line %d: no mutant before this line", i+1)
		case word == "in":
			file, function, _ := strings.Cut(rest, " ")
			m.edits = append(m.edits, edit{file: file, function: function})
		case word == "-" || word == "+":
			if len(m.edits) == 0 {
				return nil, fmt.Errorf("line %d: no file named for this edit", i+1)
			}
			e := &m.edits[len(m.edits)-1]
			if word == "+" {
				e.new = append(e.new, rest)
			} else {
				e.old = append(e.old, strings.TrimSpace(rest))
			}
		case len(m.edits) > 0:
			return nil, fmt.Errorf("line %d: neither - nor +: %s", i+1, line)
		default:
			m.why = strings.TrimSpace(m.why + " " + line)
		}
	}
	for _, m := range all {
		if m.why == "" || len(m.edits) == 0 {
			return nil, fmt.Errorf("mutant %s: no reason, or no edit", m.name)
		}
		for _, e := range m.edits {
			if len(e.old) == 0 {
				return nil, fmt.Errorf("mutant %s: nothing to replace in %s", m.name, e.file)
			}
		}
	}
	return all, nil
}

// apply makes the edit in the text of its file. The old lines must be there
// exactly once, or it is no longer clear what the mutant means.
func (e edit) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	from, to := 0, len(lines)
	if e.function != "" {
		from, to = functionIn(lines, e.function)
		if from < 0 {
			return "", fmt.Errorf("%s has no function %s", e.file, e.function)
		}
	}
	at := -1
	for i := from; i+len(e.old) <= to; i++ {
		if !matches(lines[i:], e.old) {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("%s %s has this twice: %s", e.file, e.function, e.old[0])
		}
		at = i
	}
	if at < 0 {
		return "", fmt.Errorf("%s %s does not have this: %s", e.file, e.function, strings.Join(e.old, " ⏎ "))
	}
	return strings.Join(slices.Concat(lines[:at], e.new, lines[at+len(e.old):]), "\n"), nil
}

// matches reports whether lines begin with the lines of want. Indentation and
// comments at the ends of lines do not count.
func matches(lines, want []string) bool {
	for i, w := range want {
		if code(lines[i]) != code(w) {
			return false
		}
	}
	return true
}

// code returns a line of Go without indentation and without a comment at its end.
func code(line string) string {
	line, _, _ = strings.Cut(line, " // ")
	return strings.TrimSpace(line)
}

// functionIn finds the lines of a function, generic or not, or a method in a gofmt'ed file.
func functionIn(lines []string, name string) (from, to int) {
	for i, line := range lines {
		head, _, _ := strings.Cut(line, ") "+name+"(")
		method := head != line && strings.HasPrefix(head, "func (")
		if !method && !strings.HasPrefix(line, "func "+name+"(") && !strings.HasPrefix(line, "func "+name+"[") {
			continue
		}
		for j := i; j < len(lines); j++ {
			if lines[j] == "}" || j == i && strings.HasSuffix(line, "}") {
				return i, j + 1
			}
		}
	}
	return -1, -1
}
