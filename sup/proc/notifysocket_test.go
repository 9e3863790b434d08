//go:build linux

package proc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// sdRole sends each of its arguments to the notification socket in one datagram, and
// then sleeps. Some arguments are commands instead:
//
//   - "wait" waits for SIGUSR1.
//   - "barrier" waits until all messages are read.
//   - "child:…" sends the rest from a child in the same process group, and waits for it.
//   - "stranger:…" does so from a child in another process group.
//   - "drop" becomes another user.
//   - "exit" exits with code 3.
func sdRole(args []string) int {
	resume := make(chan os.Signal, 1)
	signal.Notify(resume, syscall.SIGUSR1)
	socket := os.Getenv("NOTIFY_SOCKET")
	fmt.Println("socket", socket)
	fmt.Println("usec", os.Getenv("WATCHDOG_USEC"))
	for _, arg := range args {
		var err error
		kind, rest, _ := strings.Cut(arg, ":")
		switch kind {
		case "wait":
			fmt.Println("waiting")
			<-resume
		case "barrier":
			err = barrier(socket)
		case "child", "stranger":
			child := exec.Command(os.Args[0], rest, "barrier", "exit")
			child.Stderr = os.Stderr
			child.SysProcAttr = &syscall.SysProcAttr{Setpgid: kind == "stranger"}
			_ = child.Run()
		case "drop":
			err = errors.Join(syscall.Setgroups(nil), syscall.Setgid(60), syscall.Setuid(5))
		case "exit":
			return 3
		default:
			err = send(socket, strings.ReplaceAll(arg, `\n`, "\n"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, arg, err)
			return 1
		}
	}
	fmt.Println("done")
	return sleepRole(nil)
}

func send(socket, message string) error {
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	return err
}

// barrier sends a descriptor and waits until the other side has closed it, like
// sd_notify_barrier(3).
func barrier(socket string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Sendmsg(fd, []byte("BARRIER=1"), unix.UnixRights(int(writer.Fd())), &unix.SockaddrUnix{Name: socket}, 0)
	writer.Close()
	if err != nil {
		return err
	}
	_, _ = reader.Read(make([]byte, 1)) // returns at the end of the pipe
	return nil
}

// sd returns the command of a process in the role of sdRole.
func sd(args ...string) proc.Command {
	command := fake("sd", args...)
	command.Ready = proc.ReadyNotify()
	return command
}

// startSD supervises a process until it is ready and has handled all its arguments.
func startSD(t *testing.T, child sup.ChildSpec[*proc.Worker]) *proc.Process {
	t.Helper()
	s, err := supervise(t, child)
	if err != nil {
		t.Fatal(err)
	}
	w, up := s.Child("one").Get()
	if !up {
		info, _ := s.Child("one").Info()
		t.Fatalf("the process has ended: %v", info.LastExit)
	}
	awaitLine(t, w.Process(), "done")
	return w.Process()
}

// Guarantee 1, with the protocol of systemd.
func TestAProcessIsReadyAfterAMessageOnTheSocket(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want proc.Status
	}{
		{"by itself", []string{"READY=1", "barrier"}, proc.Status{}},
		{"many at once", []string{`STATUS=warming up\nERRNO=13\nREADY=1\nSTATUS=up\nX=\n\nNONSENSE\n`, "barrier"},
			proc.Status{Text: "up", Errno: syscall.EACCES}},
		{"by a child", []string{"child:READY=1"}, proc.Status{}},
		{"reloading", []string{"READY=1", "RELOADING=1", "STATUS=a", "barrier"}, proc.Status{Text: "a", Reloading: true}},
		{"reloaded", []string{"READY=1", "RELOADING=1", "READY=1", "barrier"}, proc.Status{}},
		{"stopping", []string{"READY=1", "STOPPING=1", "barrier"}, proc.Status{Stopping: true}},
		{"not UTF-8", []string{"READY=1", "STATUS=\xff\xfe", "barrier"}, proc.Status{Text: "\uFFFD"}},
		{"long", []string{"READY=1", "STATUS=" + strings.Repeat("ü", 2000), "barrier"}, proc.Status{Text: strings.Repeat("ü", 512)}},
		{"too long", []string{"READY=1", "ERRNO=13\nSTATUS=" + strings.Repeat("x", 4096), "STATUS=short", "barrier"}, proc.Status{Text: "short"}},
		{"invalid errors", []string{"READY=1", "ERRNO=-1", "ERRNO=99999", "ERRNO=x", "barrier"}, proc.Status{}},
		{"strangers", []string{"stranger:READY=0\nERRNO=13\nSTATUS=forged", "READY=1", "barrier"}, proc.Status{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startSD(t, sup.ChildSpec[*proc.Worker]{Start: sd(tt.args...).Worker})
			if diff := cmp.Diff(tt.want, p.Status()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A process that root has started may change its user before it sends.
func TestAProcessThatHasChangedItsUserBecomesReady(t *testing.T) {
	args := []string{"READY=1", "STATUS=dropped", "barrier"}
	if os.Geteuid() == 0 {
		args = append([]string{"drop"}, args...)
	}
	p := startSD(t, sup.ChildSpec[*proc.Worker]{Start: sd(args...).Worker})
	if status := p.Status(); status.Text != "dropped" {
		t.Errorf("the status is %v", status)
	}
}

// Here, the host sends to the socket of the process.
func TestMessagesOfOtherProcessesAreDropped(t *testing.T) {
	command := sd("wait", "STATUS=own", "barrier")
	command.Ready, command.Live.Probe = proc.ReadyAtOnce(), proc.LiveNotify()
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Child("one").Get()
	socket := awaitLine(t, w.Process(), "socket ")
	awaitLine(t, w.Process(), "waiting")
	if err := send(socket, "ERRNO=13\nSTATUS=forged\nWATCHDOG=trigger"); err != nil {
		t.Fatal(err)
	}
	if err := w.Process().Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, w.Process(), "done")
	if diff := cmp.Diff(proc.Status{Text: "own"}, w.Process().Status()); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsContainTheStatus(t *testing.T) {
	_, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: sd("STATUS=waiting for the disk", "ERRNO=5", "exit").Worker})
	want := `exit code 3; last status: "waiting for the disk"; reported error: input/output error`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v", err)
	}
	exit, _ := errors.AsType[*proc.ExitError](err)
	if diff := cmp.Diff(proc.Status{Text: "waiting for the disk", Errno: syscall.EIO}, exit.Status); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(exit.Error(), want) {
		t.Errorf("the exit is %v", exit)
	}
}

// READY=1 may be the last message.
func TestAProcessMayEndRightAfterItsReadyMessage(t *testing.T) {
	for range 10 {
		for _, exit := range exitsOf(t, sd("READY=1", "exit"), sup.Temporary, false) {
			if _, exited := errors.AsType[*proc.ExitError](exit.Err); !exited {
				t.Errorf("the exit is %v", exit)
			}
		}
	}
}

func TestAProcessThatSendsATriggerIsUnhealthy(t *testing.T) {
	exits := exitsOf(t, sd("READY=1", "barrier", "WATCHDOG=trigger"), sup.Temporary, false)
	if len(exits) != 1 || !errors.Is(exits[0].Err, sup.ErrUnhealthy) || !strings.Contains(exits[0].Err.Error(), "message WATCHDOG=trigger from the process") {
		t.Errorf("the exits are %v", exits)
	}
}

func TestAProcessHasTheIntervalOfItsMessagesInItsEnvironment(t *testing.T) {
	for interval, want := range map[time.Duration]string{0: "10000000", 90 * time.Second: "90000000"} {
		command := sd("READY=1")
		command.Live = proc.Liveness{Probe: proc.LiveNotify(), Interval: interval}
		if got := awaitLine(t, startSD(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker}), "usec "); got != want {
			t.Errorf("the interval is %s µs, want %s", got, want)
		}
	}
	t.Setenv("WATCHDOG_USEC", "")
	if got := strings.TrimSpace(awaitLine(t, startSD(t, sup.ChildSpec[*proc.Worker]{Start: sd("READY=1").Worker}), "usec")); got != "" {
		t.Errorf("the interval without LiveNotify is %s µs", got)
	}
}

func TestEachIncarnationHasASocketThatIsRemovedAtItsEnd(t *testing.T) {
	temp, err := os.MkdirTemp("", "proc")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	t.Setenv("TMPDIR", temp)
	command := sd("READY=1")
	s, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{{ID: "one", Start: command.Worker}}})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := s.Child("one").Get()
	socket := awaitLine(t, first.Process(), "socket ")
	if !strings.HasPrefix(socket, temp) {
		t.Errorf("the socket is %s", socket)
	}
	_ = first.Process().Kill()
	eventually(t, "a restart", func() bool { w, up := s.Child("one").Get(); return up && w != first })
	second, _ := s.Child("one").Get()
	if other := awaitLine(t, second.Process(), "socket "); other == socket {
		t.Errorf("both incarnations have the socket %s", socket)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first socket still exists: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	command.Path = "/no/such/program"
	if _, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker}); err == nil {
		t.Error("a missing program has started")
	}
	if left, _ := filepath.Glob(temp + "/*"); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

// A path that is too long for a socket is an error instead.
func TestTheSocketIsAbstractIfNoDirectoryCanBeCreated(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "/no/such/directory")
	p := startSD(t, sup.ChildSpec[*proc.Worker]{Start: sd("READY=1", "barrier").Worker})
	if socket := awaitLine(t, p, "socket "); !strings.HasPrefix(socket, "@proc-notify-") {
		t.Errorf("the socket is %s", socket)
	}
	t.Setenv("TMPDIR", long)
	_, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: sd("READY=1").Worker})
	if err == nil || !strings.Contains(err.Error(), "set TMPDIR to a shorter directory") {
		t.Errorf("the error is %v", err)
	}
	if left, _ := filepath.Glob(long + "/*"); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestTheNextHostRemovesTheSocketsOfAKilledHost(t *testing.T) {
	temp, err := os.MkdirTemp("", "proc")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	sockets := func() int {
		all, _ := filepath.Glob(temp + "/*/notify")
		return len(all)
	}
	host := fake("host", "notify")
	host.Env = append(host.Env, "TMPDIR="+temp)
	p := start(t, host)
	awaitLine(t, p, "up")
	if n := sockets(); n != 3 {
		t.Fatalf("%d sockets for three processes", n)
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	awaitLine(t, start(t, host), "up")
	if n := sockets(); n != 3 {
		t.Errorf("%d sockets with those of the killed host", n)
	}
	awaitLine(t, start(t, host), "up")
	if n := sockets(); n != 6 {
		t.Errorf("%d sockets with those of a running host", n)
	}
}
