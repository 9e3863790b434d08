//go:build unix

package main

import (
	"bufio"
	"errors"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func TestOnATerminalAHostWithAPageStaysUpUntilItIsInterrupted(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "-verify", "-timeout", "1m", "-dir", corpus(t, 3), "-debug", "localhost:0", "-control", "auto")
	cmd.Stdout, cmd.Stderr = terminal, terminal
	err = cmd.Start()
	terminal.Close()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	var url, socket string
	lines := bufio.NewReader(master)
	for err == nil {
		var line string
		line, err = lines.ReadString('\n')
		line = strings.TrimRight(ansi.Strip(line), "\r\n")
		all.WriteString(line + "\n")
		if !strings.Contains(all.String(), "\ndone; page and control socket stay up until Ctrl-C\n") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "page:   "); ok {
			url = rest
		}
		if rest, ok := strings.CutPrefix(line, "supctl: go run ./cmd/supctl -a "); ok {
			socket, _, _ = strings.Cut(rest, " ")
			visit(t, url, socket)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if !errors.Is(err, syscall.EIO) { // all writers have closed the terminal
		t.Error(err)
	}
	if socket == "" {
		t.Error("the host did not stay up")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("error %v after an interrupt of a host that is done, want none", err)
	}
	if !strings.Contains(all.String(), "\nverified: ") || t.Failed() {
		t.Errorf("output:\n%s", &all)
	}
}

// visit fails the test unless the page and the control server show the tree.
func visit(t *testing.T, url, socket string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Error(err)
	} else {
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", url, answer.Status)
		}
	}
	client, err := remote.Dial(socket)
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	if child, err := client.Child(t.Context(), "host/text/0"); err != nil || child.State != sup.StateRunning {
		t.Errorf("child %v, error %v, want a running one", child, err)
	}
}

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
