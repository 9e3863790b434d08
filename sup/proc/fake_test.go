//go:build linux

package proc_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// roles are the fake processes that the test binary can be. Each role returns its exit
// code.
var roles = map[string]func(args []string) int{
	"exit":        exitRole,
	"sleep":       sleepRole,
	"graceful":    gracefulRole,
	"ignore-term": ignoreTermRole,
	"fork":        forkRole,
	"flood":       floodRole,
	"serve":       serveRole,
	"greet":       greetRole,
	"greeted":     greetedRole,
	"notify":      notifyRole,
	"beat":        beatRole,
	"limits":      limitsRole,
	"host":        hostRole,
	"inherit":     inheritRole,
	"drop":        dropRole,
	"sd":          sdRole,
}

// fake returns the command of a fake process that logs nothing.
func fake(role string, args ...string) proc.Command {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return proc.Command{
		Path:   exe,
		Args:   args,
		Env:    append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0"), // the default is one second
		Stdout: proc.Kept,
		Stderr: proc.Kept,
	}
}

// exitRole prints its arguments, on stderr those that begin with "!", and exits with
// the code of the first one, or dies of a signal such as "-9".
func exitRole(args []string) int {
	for _, text := range args[1:] {
		if text, bang := strings.CutPrefix(text, "!"); bang {
			fmt.Fprintln(os.Stderr, text)
		} else {
			fmt.Println(text)
		}
	}
	code, _ := strconv.Atoi(args[0])
	if code < 0 {
		signal.Reset()
		_ = syscall.Kill(os.Getpid(), syscall.Signal(-code))
		select {}
	}
	return code
}

// sleepRole sleeps, and dies of any signal.
func sleepRole([]string) int {
	fmt.Println("asleep")
	for {
		time.Sleep(time.Hour)
	}
}

// gracefulRole prints the name of the signal on SIGTERM, and exits with a code.
func gracefulRole(args []string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("up")
	fmt.Println("signal:", <-signals)
	code, _ := strconv.Atoi(args[0])
	return code
}

// ignoreTermRole ignores SIGTERM.
func ignoreTermRole([]string) int {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("up")
	for {
		time.Sleep(time.Hour)
	}
}

// forkRole starts a process that ignores SIGTERM and inherits its output, in its own
// group or, with "setsid", in a session of its own. It prints the id of the process,
// and exits with the given code, or sleeps if that is "sleep".
func forkRole(args []string) int {
	exe, _ := os.Executable()
	os.Setenv(roleVariable, "ignore-term")
	attr := &os.ProcAttr{
		Files: []*os.File{nil, os.Stdout, os.Stderr},
	}
	if len(args) > 1 && args[1] == "setsid" {
		attr.Sys = &syscall.SysProcAttr{Setsid: true}
	}
	child, err := os.StartProcess(exe, []string{exe}, attr)
	if err != nil {
		panic(err)
	}
	fmt.Println("forked", child.Pid)
	if args[0] == "sleep" {
		return sleepRole(nil)
	}
	code, _ := strconv.Atoi(args[0])
	return code
}

// floodRole prints a number of lines as fast as it can.
func floodRole(args []string) int {
	lines, _ := strconv.Atoi(args[0])
	out := bufio.NewWriter(os.Stdout)
	for i := range lines {
		fmt.Fprintf(out, "line %d\n", i+1)
	}
	out.Flush()
	return 0
}

// serveRole pauses, and then serves HTTP at an address: 204 at /ok, 500 at /bad and
// 302 at /moved.
func serveRole(args []string) int {
	pause, err := time.ParseDuration(args[1])
	if err != nil {
		panic(err)
	}
	time.Sleep(pause)
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	mux := http.NewServeMux()
	for path, code := range map[string]int{"/ok": 204, "/bad": 500, "/moved": 302} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/ok")
			w.WriteHeader(code)
		})
	}
	fmt.Println("serving")
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
	return 1
}

// greetRole sends its second argument, or a version of SSH, to each connection to an
// address, and then closes it.
func greetRole(args []string) int {
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Fprint(conn, append(args[1:], "SSH-2.0-fake\r\n")[0])
		conn.Close()
	}
}

// greetedRole waits for a greeting from an address.
func greetedRole(args []string) int {
	fmt.Println("waiting")
	conn, err := net.Dial("tcp", args[0])
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// notifyRole writes its argument to the notification descriptor, and sleeps.
func notifyRole(args []string) int {
	fd, err := strconv.Atoi(os.Getenv(proc.NotifyVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, "no descriptor:", err)
		return 1
	}
	text, _ := strconv.Unquote(`"` + args[0] + `"`)
	if _, err := syscall.Write(fd, []byte(text)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return sleepRole(nil)
}

// beatRole sends NotifyReady, and then NotifyAlive a number of times, with a pause
// between them.
func beatRole(args []string) int {
	beats, _ := strconv.Atoi(args[0])
	pause, _ := time.ParseDuration(args[1])
	for i := range beats + 1 {
		message := proc.NotifyAlive
		if i == 0 {
			message = proc.NotifyReady
		}
		if sent, err := proc.Notify(message); !sent || err != nil {
			fmt.Fprintln(os.Stderr, sent, err)
			return 1
		}
		time.Sleep(pause)
	}
	return sleepRole(nil)
}

// limitsRole prints its limits and its control group.
func limitsRole([]string) int {
	for _, name := range []string{"/proc/self/limits", "/proc/self/cgroup"} {
		text, _ := os.ReadFile(name)
		fmt.Printf("%s", text)
	}
	return 0
}

// hostRole supervises three processes, prints their ids, and sleeps or, with "exit",
// exits without stopping them. With "notify", the processes send NotifyReady.
func hostRole(args []string) int {
	command := fake("ignore-term")
	if args[0] == "notify" {
		command = sd("READY=1")
	}
	spec := sup.Spec[*proc.Worker]{}
	for _, id := range []string{"a", "b", "c"} {
		spec.Children = append(spec.Children, sup.ChildSpec[*proc.Worker]{ID: id, Start: command.Worker})
	}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, w := range s.All() {
		fmt.Println("child", w.Process().Pid())
	}
	fmt.Println("up")
	if args[0] == "exit" {
		return 0
	}
	return sleepRole(nil)
}

// start starts a process, and kills it at the end of the test.
func start(t *testing.T, c proc.Command) *proc.Process {
	t.Helper()
	p, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(context.Background(), 0) })
	return p
}

// exitOf starts a process and waits for its end.
func exitOf(t *testing.T, c proc.Command) proc.Exit {
	t.Helper()
	exit, err := start(t, c).Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return exit
}

// supervise starts a supervisor of one process, "one".
func supervise(t *testing.T, child sup.ChildSpec[*proc.Worker]) (*sup.Supervisor[*proc.Worker], error) {
	t.Helper()
	child.ID = "one"
	s, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{Name: "top", Children: []sup.ChildSpec[*proc.Worker]{child}})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return s, err
}

// remember returns the start function of a command, which also sets w.
func remember(command proc.Command, w **proc.Worker) func(context.Context) (*proc.Worker, error) {
	return func(ctx context.Context) (_ *proc.Worker, err error) {
		*w, err = command.Worker(ctx)
		return *w, err
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	patience.Until(t, what, holds)
}

// texts returns the texts of lines.
func texts(lines []proc.Line) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = line.Text
	}
	return all
}

// awaitLine waits until a process has written a line with a prefix, and returns the
// rest of the line.
func awaitLine(t *testing.T, p *proc.Process, prefix string) (rest string) {
	t.Helper()
	eventually(t, "the line "+prefix, func() bool {
		for _, line := range p.Tail() {
			var found bool
			if rest, found = strings.CutPrefix(line.Text, prefix); found {
				return true
			}
		}
		return false
	})
	return rest
}

// gone reports whether a process has ended. It may be a zombie.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

var discard = slog.New(slog.DiscardHandler)
