package proc

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

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
		m := &messageParser{emit: func(message string) { got = append(got, message) }}
		for _, chunk := range tt.chunks {
			m.write([]byte(chunk))
		}
		m.flush()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.chunks, diff)
		}
	}
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
