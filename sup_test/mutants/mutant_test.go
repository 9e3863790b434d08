package main

import (
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
		name     string
		edit     edit
		old, new string // of the whole text
		err      string
	}{
		{"of a function", edit{"p.go", "second", []string{"s.a()"}, []string{"\ts.z()"}}, "second() {\n\ts.a()", "second() {\n\ts.z()", ""},
		{"of a method", edit{"p.go", "first", []string{"s.a()", "s.b()"}, nil}, "\ts.a()\n\ts.b()\n", "", ""},
		{"more lines", edit{"p.go", "", []string{"s.b()"}, []string{"\ts.y()", "\ts.z()"}}, "\ts.b()", "\ts.y()\n\ts.z()", ""},
		{"a line", edit{"p.go", "third", []string{"func third() { s.c() }"}, []string{"func third() {}"}}, "{ s.c() }", "{}", ""},
		{"a line with a comment", edit{"p.go", "second", []string{"s.a() // why"}, nil}, "second() {\n\ts.a()\n", "second() {\n", ""},
		{"twice in the file", edit{"p.go", "", []string{"s.a()"}, nil}, "", "", "p.go  has this twice: s.a()"},
		{"in another function", edit{"p.go", "second", []string{"s.b()"}, nil}, "", "", "p.go second does not have this: s.b()"},
		{"in no function", edit{"p.go", "fourth", []string{"s.b()"}, nil}, "", "", "p.go has no function fourth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.edit.apply(source)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("%v, want %s", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(strings.Replace(source, tt.old, tt.new, 1), got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFaultsOfTheListAreReported(t *testing.T) {
	for text, want := range map[string]string{
		"mutant a\nwhy\nin f\n- x\nmutant a": "line 5: two mutants are named a",
		"why":                                "line 1: no mutant before this line",
		"mutant a\n- x":                      "line 2: no file named for this edit",
		"mutant a\nwhy\nin f\n- x\ny":        "line 5: neither - nor +: y",
		"mutant a\nin f\n- x":                "mutant a: no reason, or no edit",
		"mutant a\nwhy\nin f\n+ x":           "mutant a: nothing to replace in f",
	} {
		if _, err := parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if all, err := parse(engine); err != nil || len(all) < 25 {
		t.Errorf("engine.txt: %d mutants, %v", len(all), err)
	}
}
