package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = `package p

func (s *core) first() {
	s.a()
	s.b()
}

func second() {
	s.a()
}

func third() { s.c() }
`

func TestAnEditReplacesLinesOfItsFunctionOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit edit
		want string // lines that differ, or the error
	}{
		{"of a function", edit{"p.go", "second", []string{"s.a()"}, []string{"\ts.z()"}}, "9: s.z()"},
		{"of a method", edit{"p.go", "first", []string{"s.a()", "s.b()"}, nil}, "4: , 5: "},
		{"of a file", edit{"p.go", "", []string{"s.b()"}, []string{"\ts.y()", "\ts.z()"}}, "5: s.y(); \ts.z()"},
		{"of a line", edit{"p.go", "third", []string{"func third() { s.c() }"}, []string{"func third() {}"}}, "12: func third() {}"},
		{"twice in the file", edit{"p.go", "", []string{"s.a()"}, nil}, "p.go  has this twice: s.a()"},
		{"in another function", edit{"p.go", "second", []string{"s.b()"}, nil}, "p.go second does not have this: s.b()"},
		{"in no function", edit{"p.go", "fourth", []string{"s.b()"}, nil}, "p.go has no function fourth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.edit.apply(source)
			if err != nil {
				got = err.Error()
			} else {
				got = replaced(got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// replaced says which lines are others now.
func replaced(text string) string {
	var all []string
	after := strings.Split(text, "\n")
	for i, line := range strings.Split(source, "\n") {
		if after[i] != line {
			all = append(all, fmt.Sprintf("%d: %s", i+1, strings.TrimSpace(after[i])))
		}
	}
	return strings.Join(all, ", ")
}

func TestFaultsOfTheListAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"mutant a\nwhy\nin f\n- x\nmutant a": "line 5: there are two mutants a",
		"why":                                "line 1: no mutant has begun",
		"mutant a\n- x":                      "line 2: which file is this in?",
		"mutant a\nwhy\nin f\n- x\ny":        "line 5: neither - nor +: y",
		"mutant a\nin f\n- x":                "mutant a: it says not why, or not what",
		"mutant a\nwhy\nin f\n+ x":           "mutant a: it replaces nothing in f",
	} {
		if _, err := parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if all, err := parse(engine); err != nil || len(all) < 25 {
		t.Errorf("engine.txt: %d mutants, %v", len(all), err)
	}
}
