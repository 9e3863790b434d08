package proc

import (
	"strings"
	"testing"
	"unicode/utf8"

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
		{"several in one piece, one of them empty", []string{"a\n\nb\n"}, []Line{{Text: "a"}, {}, {Text: "b"}}},
		{"in several pieces", []string{"a", "b\nc", "\n"}, []Line{{Text: "ab"}, {Text: "c"}}},
		{"no newline at the end", []string{"a\nb"}, []Line{{Text: "a"}, {Text: "b"}}},
		{"Windows", []string{"a\r\nb\r\n"}, []Line{{Text: "a"}, {Text: "b"}}},
		{"a carriage return inside", []string{"10%\r20%\n"}, []Line{{Text: "10%\r20%"}}},
		{"not UTF-8", []string{"a\xff\xfeb\n"}, []Line{{Text: "a\uFFFDb"}}},
		{"a rune in two pieces", []string{"\xc3", "\xa9\n"}, []Line{{Text: "é"}}},
		{"maximum length", []string{long, "\n"}, []Line{{Text: long}}},
		{"too long", []string{long + "ab", "c\nd\n"}, []Line{{Text: long, Cut: 3}, {Text: "d"}}},
		{"too long, no newline", []string{long, "ab"}, []Line{{Text: long, Cut: 2}}},
		{"cut within a rune", []string{long[1:] + "é\n"}, []Line{{Text: long[1:], Cut: 2}}},
		{"cut within a long rune", []string{long[2:] + "\U0001F333\n"}, []Line{{Text: long[2:], Cut: 4}}},
		{"cut after a rune", []string{long[2:] + "éa\n"}, []Line{{Text: long[2:] + "é", Cut: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []Line
			s := &lineSplitter{emit: func(line Line) { got = append(got, line) }}
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

// The lines do not depend on the pieces in which the output arrives. All of them are
// valid, and short enough.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\xff\xc3"), uint16(3))
	f.Add(append(make([]byte, MaxLine-1), "é\n"...), uint16(MaxLine))
	f.Fuzz(func(t *testing.T, output []byte, piece uint16) {
		split := func(size int) []Line {
			var lines []Line
			s := &lineSplitter{emit: func(line Line) { lines = append(lines, line) }}
			for rest := output; len(rest) > 0; {
				n := min(size, len(rest))
				s.write(rest[:n])
				rest = rest[n:]
			}
			s.flush()
			return lines
		}
		whole := split(len(output) + 1)
		if diff := cmp.Diff(whole, split(int(piece)+1)); diff != "" {
			t.Error(diff)
		}
		for _, line := range whole {
			if !utf8.ValidString(line.Text) || utf8.RuneCountInString(line.Text) > MaxLine || line.Cut < 0 {
				t.Errorf("%q, and %d more", line.Text, line.Cut)
			}
		}
	})
}
