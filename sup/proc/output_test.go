//go:build linux

package proc_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// records is a logger that keeps what it is told.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *records) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSpace(r.buf.String()), "\n")
}

// logger writes level, message and attributes, without the process id.
func (r *records) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "pid" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// Guarantee 6.
func TestOutputIsLoggedLineByLineWithPathAndIncarnation(t *testing.T) {
	var log records
	command := fake("exit", "3", "hello", "!oops")
	command.Stdout, command.Stderr = proc.Logged, proc.Logged
	command.Logger = log.logger()
	s := sup.New(sup.Spec[*proc.Worker]{
		Name:      "top",
		Intensity: sup.Intensity{Restarts: 1, Within: time.Hour},
		Children:  []sup.ChildSpec[*proc.Worker]{{ID: "one", Start: command.Worker}},
	})
	_ = s.Run(t.Context()) // gives up at the second exit
	want := map[string]bool{
		`level=INFO msg=output path=top/one incarnation=1 stream=stdout line=hello`: true,
		`level=WARN msg=output path=top/one incarnation=1 stream=stderr line=oops`:  true,
		`level=INFO msg=output path=top/one incarnation=2 stream=stdout line=hello`: true,
		`level=WARN msg=output path=top/one incarnation=2 stream=stderr line=oops`:  true,
	}
	got := make(map[string]bool)
	for _, line := range log.lines() {
		got[line] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheLevelOfALineIsARule(t *testing.T) {
	var log records
	command := fake("exit", "0", "DEBUG a", "ERROR b")
	command.Stdout, command.Logger = proc.Logged, log.logger()
	command.Level = func(line proc.Line) slog.Level {
		if strings.HasPrefix(line.Text, "ERROR ") {
			return slog.LevelError
		}
		return slog.LevelDebug
	}
	exitOf(t, command)
	eventually(t, "both lines are logged", func() bool { return len(log.lines()) == 2 })
	want := []string{
		`level=DEBUG msg=output stream=stdout line="DEBUG a"`,
		`level=ERROR msg=output stream=stdout line="ERROR b"`,
	}
	if diff := cmp.Diff(want, log.lines()); diff != "" {
		t.Error(diff)
	}
}

// gate is a log handler that blocks until it is opened.
type gate struct {
	slog.Handler
	open chan struct{}
}

func (g gate) Handle(ctx context.Context, r slog.Record) error {
	<-g.open
	return g.Handler.Handle(ctx, r)
}
func (g gate) WithAttrs(attrs []slog.Attr) slog.Handler {
	return gate{g.Handler.WithAttrs(attrs), g.open}
}

// A process that fills its pipe, and the queue of its log, goes on, and the log
// says how much it has missed.
func TestASlowLogDoesNotHoldUpTheProcess(t *testing.T) {
	const lines = 50_000 // several pipes full
	var log records
	open := make(chan struct{})
	command := fake("flood", fmt.Sprint(lines))
	command.Stdout, command.Logger = proc.Logged, slog.New(gate{log.logger().Handler(), open})
	p := start(t, command)
	exit, err := p.Wait(t.Context())
	if err != nil || exit.Code != 0 {
		t.Fatal(exit, err)
	}
	if want := fmt.Sprintf("line %d", lines); exit.Lines[len(exit.Lines)-1].Text != want {
		t.Errorf("its last line is %q, want %q", exit.Lines[len(exit.Lines)-1].Text, want)
	}
	dropped := p.Dropped()
	if dropped == 0 || dropped >= lines {
		t.Errorf("%d lines were dropped", dropped)
	}
	close(open)
	eventually(t, "all is accounted for", func() bool {
		logged, missed := 0, 0
		for _, record := range log.lines() {
			var n int
			if said, _ := fmt.Sscanf(record, `level=WARN msg="output dropped" lines=%d`, &n); said == 0 {
				logged++
			}
			missed += n
		}
		return logged == lines-dropped && missed == dropped
	})
}

// A log that never returns does not keep a worker from ending.
func TestALogThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	open := make(chan struct{})
	command := fake("graceful", "0")
	command.Stdout, command.Logger = proc.Logged, slog.New(gate{discard.Handler(), open})
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Child("one").Get()
	said(t, w.Process(), "up")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	close(open)
}

// What the caller's functions do wrong is the exit of the worker, not the end of
// the program.
func TestAFunctionThatPanicsIsAnExit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*proc.Command)
		want   error
	}{
		{"Level", func(c *proc.Command) { c.Level = func(proc.Line) slog.Level { panic("no") } }, sup.ErrPanic},
		{"Level ends its goroutine", func(c *proc.Command) {
			c.Level = func(proc.Line) slog.Level { runtime.Goexit(); return 0 }
		}, sup.ErrGoexit},
		{"Watch", func(c *proc.Command) { c.Watch = func(proc.Line) { panic("no") } }, sup.ErrPanic},
		{"the liveness probe", func(c *proc.Command) {
			c.Live.Interval, c.Live.Probe = time.Millisecond, proc.LiveFunc(func(context.Context, *proc.Process) error { panic("no") })
		}, sup.ErrPanic},
		{"the liveness probe ends its goroutine", func(c *proc.Command) {
			c.Live.Interval, c.Live.Probe = time.Millisecond, proc.LiveFunc(func(context.Context, *proc.Process) error {
				runtime.Goexit()
				return nil
			})
		}, sup.ErrGoexit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command := fake("sleep")
			command.Stdout, command.Logger = proc.Logged, discard
			tt.change(&command)
			exits := exitsOf(t, command, sup.Temporary, false)
			if exits[0].Kind != sup.ExitAbnormal || !errors.Is(exits[0].Err, tt.want) {
				t.Errorf("the exit is %v", exits[0])
			}
		})
	}
}

// What a process writes as it dies is read, also if it is much.
func TestTheLastWordsOfADyingProcessAreRead(t *testing.T) {
	command := fake("exit", "-9", "!first", strings.Repeat("x", 60_000), "!last", "words")
	command.Tail = 4
	for range 5 {
		exit := exitOf(t, command)
		got := make(map[string]int)
		for _, line := range exit.Lines {
			got[line.Text[:min(5, len(line.Text))]] += len(line.Text) + line.Cut
		}
		if diff := cmp.Diff(map[string]int{"first": 5, "xxxxx": 60_000, "last": 4, "words": 5}, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestPipedOutputIsTheCallers(t *testing.T) {
	command := fake("exit", "0", "one", "two", "!three")
	command.Stdout, command.Stderr = proc.Piped, proc.Piped
	p := start(t, command)
	stdout, err := io.ReadAll(p.Stdout())
	if err != nil || string(stdout) != "one\ntwo\n" {
		t.Errorf("stdout: %q, %v", stdout, err)
	}
	stderr, err := io.ReadAll(p.Stderr())
	if err != nil || string(stderr) != "three\n" {
		t.Errorf("stderr: %q, %v", stderr, err)
	}
	exit, _ := p.Wait(t.Context())
	if diff := cmp.Diff([]string{"one", "two", "three"}, texts(exit.Lines)); diff != "" {
		t.Errorf("the last lines: %s", diff)
	}
}

// Piped output can be read when the process has long ended, and ends when the
// process has, whoever keeps the pipe.
func TestPipedOutputOutlivesTheProcess(t *testing.T) {
	command := fake("fork", "0", "setsid")
	command.Stdout = proc.Piped
	p := start(t, command)
	exit, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(p.Stdout())
	var pid int
	for out.Scan() {
		fmt.Sscanf(out.Text(), "forked %d", &pid)
	}
	if pid == 0 || out.Err() != nil {
		t.Fatalf("%d, %v; the last lines: %v", pid, out.Err(), exit.Lines)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("who has left the group was killed: %v", err)
	}
}

func TestOutputThatIsNotPipedIsNotTheCallers(t *testing.T) {
	p := start(t, fake("exit", "0"))
	if p.Stdout() != nil || p.Stderr() != nil {
		t.Error("there is a reader")
	}
}

// A reader that is closed does not keep the process from ending.
func TestPipedOutputThatIsClosedFailsTheWriter(t *testing.T) {
	command := fake("flood", "1000000")
	command.Stdout = proc.Piped
	p := start(t, command)
	if err := p.Stdout().Close(); err != nil {
		t.Error(err)
	}
	if exit, _ := p.Wait(t.Context()); exit.Signal != syscall.SIGPIPE {
		t.Errorf("the exit is %v, want SIGPIPE", exit)
	}
}

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
