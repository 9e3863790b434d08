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
