//go:build linux

package proc_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/proc"
)

func TestWatchIsToldEveryLineWhateverBecomesOfIt(t *testing.T) {
	for _, out := range []proc.Output{proc.Logged, proc.Kept} {
		var log records
		var mu sync.Mutex
		var told []string
		command := fake("exit", "0", "one", "!two")
		command.Stdout, command.Stderr, command.Logger = out, out, log.logger()
		command.Watch = func(line proc.Line) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, line.Stream.String()+" "+line.Text)
		}
		exitOf(t, command)
		mu.Lock()
		if got := strings.Join(told, ", "); got != "stdout one, stderr two" && got != "stderr two, stdout one" {
			t.Errorf("it was told %s", got)
		}
		mu.Unlock()
	}
}

func TestWhatIsWrittenForAProcessIsItsOutput(t *testing.T) {
	var log records
	command := proc.Command{Path: "sleep", Args: []string{"1000"}} // which says nothing itself
	command.Stdout, command.Stderr, command.Logger = proc.Logged, proc.Kept, log.logger()
	p := start(t, command)
	said, kept := p.Writer(proc.Stdout), p.Writer(proc.Stderr)
	fmt.Fprint(said, "half a")
	fmt.Fprint(said, " line\nand ")
	fmt.Fprintln(kept, "not logged")
	fmt.Fprintln(said, "another")
	want := []string{"half a line", "not logged", "and another"}
	if diff := cmp.Diff(want, texts(p.Tail())); diff != "" {
		t.Error(diff)
	}
	eventually(t, "both lines are logged", func() bool { return len(log.lines()) == 2 })
	want = []string{
		`level=INFO msg=output stream=stdout line="half a line"`,
		`level=INFO msg=output stream=stdout line="and another"`,
	}
	if diff := cmp.Diff(want, log.lines()); diff != "" {
		t.Error(diff)
	}

	p.Stop(t.Context(), 0)
	fmt.Fprintln(said, "too late")
	if last := texts(p.Tail()); last[len(last)-1] != "too late" {
		t.Errorf("kept: %q", last)
	}
	if n := p.Dropped(); n != 1 {
		t.Errorf("%d lines were not logged", n)
	}
}
