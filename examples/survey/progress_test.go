package main

import (
	"strings"
	"testing"
)

func TestOnlyATerminalHasABar(t *testing.T) {
	for _, test := range []struct {
		terminal bool
		want     string
	}{
		{true, "\r[" + strings.Repeat(".", 40) + "] 0 of 4 files" +
			"\r[" + strings.Repeat("#", 30) + strings.Repeat(".", 10) + "] 3 of 4 files" +
			"\r\x1b[K"},
		{false, "4 files to read\n"},
	} {
		var out strings.Builder
		b := &bar{out: &out, terminal: test.terminal}
		b.draw(0, 4)
		b.draw(3, 4)
		b.clear()
		if out.String() != test.want {
			t.Errorf("on a terminal %v: drawn %q, want %q", test.terminal, out.String(), test.want)
		}
	}
}
