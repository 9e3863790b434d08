package proc_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Guarantee 9.
func TestACommandIsValidated(t *testing.T) {
	program := func(change func(*proc.Command)) proc.Command {
		c := proc.Command{Path: "program"}
		change(&c)
		return c
	}
	for _, tt := range []struct {
		command proc.Command
		want    []string
	}{
		{proc.Command{}, []string{"Path: is empty: name a program"}},
		{program(func(c *proc.Command) { c.Path, c.Args, c.Dir = "a\x00", []string{"b", "c\x00"}, "\x00" }), []string{
			`Path: "a\x00" has a zero byte: no system accepts one`,
			`Dir: "\x00" has a zero byte: no system accepts one`,
			`Args[1]: "c\x00" has a zero byte: no system accepts one`,
		}},
		{program(func(c *proc.Command) { c.Env = []string{"A=", "B", "=C"} }), []string{
			`Env[1]: "B" is not an entry: write "NAME=value"`,
			`Env[2]: "=C" is not an entry: write "NAME=value"`,
		}},
		{program(func(c *proc.Command) { c.ExtraFiles = []*os.File{os.Stdin, nil} }), []string{
			"ExtraFiles[1]: is nil: use an open file, or leave the entry out",
		}},
		{program(func(c *proc.Command) { c.Stdout, c.Stderr = 3, 4 }), []string{
			"Stdout: 3 is not an Output: use Logged, Kept or Piped",
			"Stderr: 4 is not an Output: use Logged, Kept or Piped",
		}},
		{program(func(c *proc.Command) { c.Tail, c.StopSignal, c.ReadyWithin = -1, 65, -time.Second }), []string{
			"Tail: -1 is negative: use 0 for 20 lines",
			"StopSignal: 65 is not a signal: use 0 for SIGTERM",
			"ReadyWithin: -1s is negative: use 0 for no bound",
		}},
		{program(func(c *proc.Command) { c.Limits = proc.Limits{Memory: -1, CPU: math.NaN(), Cgroup: "\x00"} }), []string{
			"Limits.Memory: -1 is negative: use 0 for no limit",
			"Limits.CPU: NaN is not a number of processors: use 0 for no limit",
			`Limits.Cgroup: "\x00" has a zero byte: no system accepts one`,
		}},
		{program(func(c *proc.Command) { c.Limits.Rlimits = map[proc.Rlimit]uint64{99: 1, proc.OpenFiles: 5} }), []string{
			"Limits.Rlimits: proc.Rlimit(99) is not an Rlimit: use the constants of this package",
		}},
		{program(func(c *proc.Command) { c.Ready, c.Live.Probe = proc.ReadyLine(nil), proc.LiveFunc(nil) }), []string{
			"Ready: ReadyLine(nil): use a regular expression",
			"Live.Probe: LiveFunc(nil): use a function",
		}},
		{program(func(c *proc.Command) { c.Ready, c.Live.Probe = proc.ReadyFunc(nil), proc.LiveHTTP("localhost/x") }), []string{
			"Ready: ReadyFunc(nil): use a function",
			`Live.Probe: "localhost/x" is not the URL of a server: write "http://host:port/path"`,
		}},
		{program(func(c *proc.Command) { c.Ready, c.Live.Probe = proc.ReadyTCP("80"), proc.LiveTCP("host:nix") }), []string{
			`Ready: "80" is not an address: write "host:port"`,
			`Live.Probe: "host:nix" is not an address: write "host:port"`,
		}},
		{program(func(c *proc.Command) { c.Ready = proc.ReadyHTTP("ftp://host/") }), []string{
			`Ready: "ftp://host/" is not the URL of a server: write "http://host:port/path"`,
		}},
		{program(func(c *proc.Command) {
			c.Stdout, c.Stderr, c.Ready = proc.Piped, proc.Piped, proc.ReadyLine(regexp.MustCompile("x"))
		}), []string{
			"Ready: waits for a line, but both streams are Piped: use Logged or Kept for one of them",
		}},
		{program(func(c *proc.Command) { c.Live = proc.Liveness{Interval: -1, Timeout: -2, Failures: -3} }), []string{
			"Live.Interval: -1ns is negative: use 0 for the default",
			"Live.Timeout: -2ns is negative: use 0 for the default",
			"Live.Failures: -3 is negative: use 0 for 3",
			"Live.Probe: is not set, but other fields of Live are: use a probe, or leave the others out",
		}},
	} {
		err := tt.command.Validate()
		faults, ok := errors.AsType[*proc.CommandError](err)
		if !ok || !errors.Is(err, proc.ErrCommand) {
			t.Errorf("%v: the error is %v", tt.want, err)
			continue
		}
		var got []string
		for _, fault := range faults.Faults {
			got = append(got, fault.String())
			if !strings.Contains(err.Error(), fault.String()) {
				t.Errorf("%v is not in %v", fault, err)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
		if _, other := tt.command.Start(t.Context()); other == nil || other.Error() != err.Error() {
			t.Errorf("Start returns %v", other)
		}
		if _, other := tt.command.Worker(t.Context()); other == nil || other.Error() != err.Error() {
			t.Errorf("Worker returns %v", other)
		}
	}
	if err := program(func(c *proc.Command) {}).Validate(); err != nil {
		t.Errorf("error of a valid command: %v", err)
	}
}

// Faults that Validate cannot find.
func TestAFailedStartHasTheErrorOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	plain, garbage := filepath.Join(dir, "plain"), filepath.Join(dir, "garbage")
	for name, mode := range map[string]fs.FileMode{plain: 0o644, garbage: 0o755} {
		if err := os.WriteFile(name, []byte("\x00\x01 no program"), mode); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		command proc.Command
		want    error
		text    string
	}{
		{"no such name", t.Context(), proc.Command{Path: "no-such-program"}, exec.ErrNotFound, "no-such-program: start: "},
		{"no such file", t.Context(), proc.Command{Path: filepath.Join(dir, "nix")}, fs.ErrNotExist, "nix: "},
		{"a directory", t.Context(), proc.Command{Path: dir}, fs.ErrPermission, dir},
		{"not executable", t.Context(), proc.Command{Path: plain}, fs.ErrPermission, plain},
		{"not a program", t.Context(), proc.Command{Path: garbage}, nil, "exec format error"},
		{"no such directory", t.Context(), proc.Command{Path: self, Dir: filepath.Join(dir, "nix")}, fs.ErrNotExist, "working directory: "},
		{"the directory is a file", t.Context(), proc.Command{Path: self, Dir: plain}, nil, plain + ": not a directory"},
		{"canceled", cancelled, proc.Command{Path: self}, gone, "gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.command.Start(tt.ctx)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) ||
				!strings.HasPrefix(err.Error(), tt.command.Path+": start: ") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAProcessThatCannotStartIsAFailedStartOfTheChild(t *testing.T) {
	_, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{
		{ID: "one", Start: proc.Command{Path: "no-such-program"}.Worker},
	}})
	if !errors.Is(err, sup.ErrStart) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
}
