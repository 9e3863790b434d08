package proc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheTailKeepsTheLastLines(t *testing.T) {
	tail := newTail(3)
	var got []string
	for _, text := range strings.Split("abcdefg", "") {
		tail.add(Line{Text: text})
		var now string
		for _, line := range tail.lines() {
			now += line.Text
		}
		got = append(got, now)
	}
	if diff := cmp.Diff([]string{"a", "ab", "abc", "bcd", "cde", "def", "efg"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheTailKeepsAReasonBeforeMuchOutput(t *testing.T) {
	tail := newTail(2)
	write := func(stream Stream, lines ...string) {
		for _, text := range lines {
			tail.add(Line{Stream: stream, Text: text})
		}
	}
	for _, step := range []struct {
		stream Stream
		lines  []string
		want   []string
		output string
	}{
		{Stderr, []string{"oops"}, []string{"oops"}, "oops"},
		{Stdout, []string{"a", "b", "c"}, []string{"oops", "b", "c"}, "oops"},
		{Stderr, []string{"worse", " "}, []string{"worse", " "}, "worse"},
		{Stdout, []string{"d", "e"}, []string{"worse", "d", "e"}, "worse"},
		{Stderr, []string{"panic: no ink", "", "goroutine 1 [running]:", "main.main()"},
			[]string{"panic: no ink", "goroutine 1 [running]:", "main.main()"}, "panic: no ink"},
		{Stdout, []string{"f", "g"}, []string{"panic: no ink", "f", "g"}, "panic: no ink"},
	} {
		write(step.stream, step.lines...)
		var got []string
		for _, line := range tail.lines() {
			got = append(got, line.Text)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Error(diff)
		}
		if output := LastOutput(tail.lines()); output != step.output {
			t.Errorf("the last output is %q, want %q", output, step.output)
		}
	}
}

func TestTheLastOutputIsTheMostRelevantLine(t *testing.T) {
	const debug = `{"@level":"debug","@message":"plugin address","address":"/tmp/x"}`
	for _, tt := range []struct {
		want  string
		lines []Line
	}{
		{"", nil},
		{"", []Line{{Text: " "}, {Stream: Stderr, Text: debug}}},
		{"done", []Line{{Text: "begun"}, {Text: "done "}, {Text: ""}}},
		{"oops", []Line{{Stream: Stderr, Text: "oops"}, {Text: "line 2999"}}},
		{"oops", []Line{{Stream: Stderr, Text: "oops"}, {Stream: Stderr, Text: debug}, {Stream: Stderr, Text: "2026/11/23 18:00:00 [DEBUG] plugin: closed"}}},
		{"low paper", []Line{{Stream: Stderr, Text: `{"@level":"warn","@message":"low paper"}`}}},
		{"panic: no ink [recovered]", []Line{{Stream: Stderr, Text: "up"}, {Stream: Stderr, Text: "panic: no ink [recovered]"},
			{Stream: Stderr, Text: "\tpanic: no paper"}, {Stream: Stderr, Text: "main.main()"}}},
		{"fatal error: all goroutines are asleep - deadlock!", []Line{{Stream: Stderr, Text: "fatal error: all goroutines are asleep - deadlock!"}, {Stream: Stderr, Text: "exit status 2"}}},
		{"so long", []Line{{Text: "panic: printed"}, {Stream: Stderr, Text: "so long"}}},
	} {
		if got := LastOutput(tt.lines); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.lines, got, tt.want)
		}
	}
}
