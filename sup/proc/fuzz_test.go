package proc

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

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

// The status is short and valid after any message.
func FuzzStatus(f *testing.F) {
	for _, message := range []string{"STATUS=up", "ERRNO=2", "ERRNO=-1", "READY=1", "RELOADING=1", "=", "STATUS=" + strings.Repeat("a\xff", maxStatus)} {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		var last lastStatus
		last.apply(message)
		status := last.get()
		if len(status.Text) > maxStatus || !utf8.ValidString(status.Text) || status.Errno >= 1<<16 {
			t.Errorf("%+v after %q", status, message)
		}
	})
}
