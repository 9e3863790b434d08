//go:build unix

package main

import (
	"bufio"
	"errors"
	"os"
	"strings"
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
	// What the first picture has: later ones draw only what has changed.
	left := map[string]bool{"[....": true, " files, ": true, "text/0": true, "running": true, "calls/s": true, "p99": true}
	interrupted := false
	lines := bufio.NewReader(master)
	for {
		line, err := lines.ReadString('\n')
		for what := range left {
			if strings.Contains(ansi.Strip(line), what) {
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
			// A terminal that nobody has open any more cannot be read.
			if !errors.Is(err, syscall.EIO) {
				t.Error(err)
			}
			break
		}
	}
	if !interrupted {
		t.Errorf("not drawn: %v", left)
	}
	_ = cmd.Wait() // it was interrupted
}
