//go:build unix

package main

import (
	"bufio"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

func TestOnATerminalTheViewDraws(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "-timeout", "30s", "-dir", slowCorpus(t))
	cmd.Stderr = terminal
	err = cmd.Start()
	terminal.Close()
	if err != nil {
		t.Fatal(err)
	}
	// All of it is in the first drawing. Later ones contain only what has changed.
	left := map[string]*regexp.Regexp{}
	for _, what := range []string{`\[[#.]{4,}`, ` files, `, `text/0`, `running`, `calls/s`, `p99`} {
		left[what] = regexp.MustCompile(what)
	}
	interrupted := false
	lines := bufio.NewReader(master)
	for {
		line, err := lines.ReadString('\n')
		for what, pattern := range left {
			if pattern.MatchString(ansi.Strip(line)) {
				delete(left, what)
			}
		}
		if len(left) == 0 && !interrupted {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
		if err != nil {
			// EIO means that all writers have closed the terminal.
			if !errors.Is(err, syscall.EIO) {
				t.Error(err)
			}
			break
		}
	}
	if !interrupted {
		t.Errorf("not drawn: %v", slices.Collect(maps.Keys(left)))
	}
	_ = cmd.Wait() // it was interrupted
}
