package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// A bar shows the progress of the survey. On a terminal, it is updated continuously.
// Elsewhere it prints one line at the beginning. A nil bar shows nothing.
type bar struct {
	out      io.Writer
	terminal bool
	begun    bool
}

func newBar(out *os.File) *bar {
	info, err := out.Stat()
	return &bar{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (b *bar) draw(counted, found int) {
	if b == nil {
		return
	}
	if b.terminal {
		const width = 40
		full := width * counted / max(found, 1)
		fmt.Fprintf(b.out, "\r[%s%s] %d of %d files",
			strings.Repeat("#", full), strings.Repeat(".", width-full), counted, found)
	} else if !b.begun {
		fmt.Fprintf(b.out, "%d files to read\n", found)
	}
	b.begun = true
}

// clear removes the bar.
func (b *bar) clear() {
	if b != nil && b.terminal && b.begun {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
