package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/gen"
)

// Whatever the two texts: what stays and goes is the one, what stays and comes
// the other.
func TestADiffLeadsFromTheOneTextToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.SampledFrom(strings.Fields("a b c d e f g h i j k l m n { } } }")))
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		var from, to []string
		for _, e := range edits(nil, a, b) {
			if e.op != '+' {
				from = append(from, e.line)
			}
			if e.op != '-' {
				to = append(to, e.line)
			}
		}
		if got, want := fmt.Sprint(from, to), fmt.Sprint(a, b); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestADiffIsShort(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"a b c", "a b c", " a b c"},
		{"", "a b", "+a+b"},
		{"a b", "", "-a-b"},
		{"a b c d", "a x c d", " a-b+x c d"},
		{"{ a } { b } { c }", "{ a } { x } { b } { c }", " { a } {+x+}+{ b } { c }"},
		{"a b c d e", "e b c d a", "-a+e b c d-e+a"},
		{"} } a } }", "} a } } }", " }-} a+} } }"},
		{"x x x", "x y x", " x-x+y x"},
	} {
		var got strings.Builder
		for _, e := range edits(nil, strings.Fields(test.from), strings.Fields(test.to)) {
			got.WriteString(string(e.op) + e.line)
		}
		if diff := cmp.Diff(test.want, got.String()); diff != "" {
			t.Errorf("from %q to %q (-want +got):\n%s", test.from, test.to, diff)
		}
	}
}

// A file of which every line changes takes space for its lines, and not for
// their square.
func TestADiffOfALongFileTakesLittleMemory(t *testing.T) {
	const count = 7000
	var from, to strings.Builder
	for i := range count {
		fmt.Fprintf(&from, "\tfrom %d\n}\n", i)
		fmt.Fprintf(&to, "\tto %d\n}\n", i)
	}
	o := gen.Output{Path: "sup_gen.go", Old: []byte(from.String()), New: []byte(to.String())}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := diff(o)
	runtime.ReadMemStats(&after)
	if n := strings.Count(got, "\n-\tfrom "); n != count {
		t.Errorf("%d lines go, want %d", n, count)
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 32 {
		t.Errorf("it took %d MiB", mib)
	}
}
