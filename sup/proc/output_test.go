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

// records keeps the records of a logger.
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

// logger returns a logger that writes level, message and attributes without the pid.
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

func TestLevelReturnsTheLevelOfALine(t *testing.T) {
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
	eventually(t, "the log of both lines", func() bool { return len(log.lines()) == 2 })
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

// The output fills the pipe and the queue of the log. The log counts the dropped
// lines.
func TestASlowLogDoesNotBlockTheProcess(t *testing.T) {
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
		t.Errorf("the last line is %q, want %q", exit.Lines[len(exit.Lines)-1].Text, want)
	}
	dropped := p.Dropped()
	if dropped == 0 || dropped >= lines {
		t.Errorf("%d lines were dropped", dropped)
	}
	close(open)
	eventually(t, "the count of all lines", func() bool {
		logged, missed := 0, 0
		for _, record := range log.lines() {
			var n int
			if found, _ := fmt.Sscanf(record, `level=WARN msg="output dropped" lines=%d`, &n); found == 0 {
				logged++
			}
			missed += n
		}
		return logged == lines-dropped && missed == dropped
	})
}

func TestALogThatHangsDoesNotBlockTheEndOfAWorker(t *testing.T) {
	open := make(chan struct{})
	command := fake("graceful", "0")
	command.Stdout, command.Logger = proc.Logged, slog.New(gate{discard.Handler(), open})
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Child("one").Get()
	awaitLine(t, w.Process(), "up")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	close(open)
}

// It must not end the program.
func TestAPanicOfACallbackIsTheExitOfTheWorker(t *testing.T) {
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

func TestAllOutputBeforeTheEndOfTheProcessIsRead(t *testing.T) {
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

func TestTheCallerReadsPipedOutput(t *testing.T) {
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

// The reader gets io.EOF even if another process keeps the pipe open.
func TestPipedOutputCanBeReadAfterTheEndOfTheProcess(t *testing.T) {
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
		t.Errorf("the process outside the group was killed: %v", err)
	}
}

func TestOutputThatIsNotPipedHasNoReader(t *testing.T) {
	p := start(t, fake("exit", "0"))
	if p.Stdout() != nil || p.Stderr() != nil {
		t.Error("output that is not Piped has a reader")
	}
}

func TestClosingPipedOutputFailsTheWritesOfTheProcess(t *testing.T) {
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

func TestWatchGetsEachLineOfEveryOutput(t *testing.T) {
	for _, out := range []proc.Output{proc.Logged, proc.Kept} {
		var log records
		var mu sync.Mutex
		var watched []string
		command := fake("exit", "0", "one", "!two")
		command.Stdout, command.Stderr, command.Logger = out, out, log.logger()
		command.Watch = func(line proc.Line) {
			mu.Lock()
			defer mu.Unlock()
			watched = append(watched, line.Stream.String()+" "+line.Text)
		}
		exitOf(t, command)
		mu.Lock()
		if got := strings.Join(watched, ", "); got != "stdout one, stderr two" && got != "stderr two, stdout one" {
			t.Errorf("Watch got %s", got)
		}
		mu.Unlock()
	}
}

func TestLinesOfAWriterAreOutputOfTheProcess(t *testing.T) {
	var log records
	command := proc.Command{Path: "sleep", Args: []string{"1000"}} // has no output of its own
	command.Stdout, command.Stderr, command.Logger = proc.Logged, proc.Kept, log.logger()
	p := start(t, command)
	logged, kept := p.Writer(proc.Stdout), p.Writer(proc.Stderr)
	fmt.Fprint(logged, "half a")
	fmt.Fprint(logged, " line\nand ")
	fmt.Fprintln(kept, "not logged")
	fmt.Fprintln(logged, "another")
	want := []string{"half a line", "not logged", "and another"}
	if diff := cmp.Diff(want, texts(p.Tail())); diff != "" {
		t.Error(diff)
	}
	eventually(t, "the log of both lines", func() bool { return len(log.lines()) == 2 })
	want = []string{
		`level=INFO msg=output stream=stdout line="half a line"`,
		`level=INFO msg=output stream=stdout line="and another"`,
	}
	if diff := cmp.Diff(want, log.lines()); diff != "" {
		t.Error(diff)
	}

	p.Stop(t.Context(), 0)
	fmt.Fprintln(logged, "too late")
	if last := texts(p.Tail()); last[len(last)-1] != "too late" {
		t.Errorf("kept: %q", last)
	}
	if n := p.Dropped(); n != 1 {
		t.Errorf("%d lines were dropped", n)
	}
}
