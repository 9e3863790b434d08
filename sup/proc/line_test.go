package proc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutputIsSplitIntoLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, tt := range []struct {
		name   string
		chunks []string
		want   []Line
	}{
		{"nothing", nil, nil},
		{"one", []string{"a\n"}, []Line{{Text: "a"}}},
		{"several in one piece, one empty", []string{"a\n\nb\n"}, []Line{{Text: "a"}, {}, {Text: "b"}}},
		{"in several pieces", []string{"a", "b\nc", "\n"}, []Line{{Text: "ab"}, {Text: "c"}}},
		{"the last one has no end", []string{"a\nb"}, []Line{{Text: "a"}, {Text: "b"}}},
		{"of Windows", []string{"a\r\nb\r\n"}, []Line{{Text: "a"}, {Text: "b"}}},
		{"a carriage return within", []string{"10%\r20%\n"}, []Line{{Text: "10%\r20%"}}},
		{"not UTF-8", []string{"a\xff\xfeb\n"}, []Line{{Text: "a\uFFFDb"}}},
		{"a rune in two pieces", []string{"\xc3", "\xa9\n"}, []Line{{Text: "é"}}},
		{"as long as can be", []string{long, "\n"}, []Line{{Text: long}}},
		{"too long", []string{long + "ab", "c\nd\n"}, []Line{{Text: long, Cut: 3}, {Text: "d"}}},
		{"too long, without an end", []string{long, "ab"}, []Line{{Text: long, Cut: 2}}},
		{"cut within a rune", []string{long[1:] + "é\n"}, []Line{{Text: long[1:], Cut: 2}}},
		{"cut within a long rune", []string{long[2:] + "\U0001F333\n"}, []Line{{Text: long[2:], Cut: 4}}},
		{"cut after a rune", []string{long[2:] + "éa\n"}, []Line{{Text: long[2:] + "é", Cut: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []Line
			s := &splitter{emit: func(line Line) { got = append(got, line) }}
			for _, chunk := range tt.chunks {
				s.write([]byte(chunk))
			}
			s.flush()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

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

func TestAMessageIsALineOrAByte(t *testing.T) {
	for _, tt := range []struct {
		chunks []string
		want   []string
	}{
		{[]string{"READY=1\n"}, []string{"READY=1"}},
		{[]string{"REA", "DY=1", "\nWATCHDOG=1\n"}, []string{"READY=1", "WATCHDOG=1"}},
		{[]string{"READY=1"}, []string{"READY=1"}},
		{[]string{"\n"}, []string{"READY=1"}},
		{[]string{"\x01"}, []string{"READY=1"}},
		{[]string{"STATUS=loading\n1"}, []string{"STATUS=loading", "READY=1"}},
		{[]string{"X" + strings.Repeat("y", 300) + "\n"}, []string{"X" + strings.Repeat("y", 255)}},
	} {
		var got []string
		m := &messages{tell: func(message string) { got = append(got, message) }}
		for _, chunk := range tt.chunks {
			m.write([]byte(chunk))
		}
		m.flush()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.chunks, diff)
		}
	}
}

func TestTheTailKeepsTheReasonThatMuchOutputFollows(t *testing.T) {
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
		words  string
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
		if words := LastWords(tail.lines()); words != step.words {
			t.Errorf("the last words are %q, not %q", words, step.words)
		}
	}
}

func TestTheLastWordsAreThoseThatSayWhy(t *testing.T) {
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
		if got := LastWords(tt.lines); got != tt.want {
			t.Errorf("%v: %q, not %q", tt.lines, got, tt.want)
		}
	}
}
