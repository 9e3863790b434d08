//go:build linux

package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

var background = context.Background()

// inheritRole serves on its inherited sockets. It answers each connection and each
// datagram with its process id.
func inheritRole([]string) int {
	if pid := os.Getenv("LISTEN_PID"); pid != fmt.Sprint(os.Getpid()) {
		fmt.Fprintln(os.Stderr, "LISTEN_PID is", pid)
		return 1
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("names", os.Getenv("LISTEN_FDNAMES"))
	for fd := 3; fd < 3+count; fd++ {
		file := os.NewFile(uintptr(fd), "socket")
		if listener, err := net.FileListener(file); err == nil && listener.Addr().Network() != "unixgram" {
			go answer(listener)
			continue
		}
		conn, err := net.FilePacketConn(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		go reflect(conn)
	}
	fmt.Println("serving")
	return sleepRole(nil)
}

func answer(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		fmt.Fprintln(conn, os.Getpid())
		conn.Close()
	}
}

func reflect(conn net.PacketConn) {
	b := make([]byte, 100)
	for {
		_, from, err := conn.ReadFrom(b)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		_, _ = conn.WriteTo(fmt.Appendln(nil, os.Getpid()), from)
	}
}

func listen(t *testing.T, network, address string) *proc.Listener {
	t.Helper()
	l, err := proc.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l
}

// Each kind of socket, together with an ExtraFile.
func TestAProcessInheritsItsListeners(t *testing.T) {
	dir := t.TempDir()
	command := fake("inherit")
	command.Listeners = []*proc.Listener{
		listen(t, "tcp", "127.0.0.1:0").Named("web"),
		listen(t, "unix", filepath.Join(dir, "stream")),
		listen(t, "udp", "127.0.0.1:0").Named("dns"),
		listen(t, "unix", "@proc-test-"+strconv.Itoa(os.Getpid())).Named("abstract"),
		listen(t, "unixgram", filepath.Join(dir, "datagram")).Named("log"),
	}
	command.ExtraFiles = []*os.File{os.Stdin}
	p := start(t, command)
	if names := awaitLine(t, p, "names "); names != "web:unknown:dns:abstract:log" {
		t.Errorf("the names are %s", names)
	}
	for i, l := range command.Listeners {
		var conn net.Conn
		var err error
		if addr := l.Addr(); addr.Network() == "unixgram" {
			own := &net.UnixAddr{Name: filepath.Join(dir, "own"), Net: "unixgram"}
			conn, err = net.DialUnix("unixgram", own, addr.(*net.UnixAddr))
		} else {
			conn, err = net.Dial(addr.Network(), addr.String())
		}
		if err != nil {
			t.Fatal(l.Name(), err)
		}
		if i == 2 || i == 4 {
			if _, err := conn.Write([]byte("hello")); err != nil {
				t.Fatal(l.Name(), err)
			}
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if strings.TrimSpace(line) != fmt.Sprint(p.Pid()) {
			t.Errorf("%s answers %q (%v)", l.Name(), line, err)
		}
		conn.Close()
	}
	fd, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/8", p.Pid()))
	own, _ := os.Readlink("/proc/self/fd/0")
	if err != nil || fd != own {
		t.Errorf("the extra file is %q (%v), want %q", fd, err, own)
	}
}

// Clients connect while the process is killed repeatedly.
func TestARestartRefusesNoConnection(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "socket")
			}
			l := listen(t, network, address)
			command := fake("inherit")
			command.Listeners = []*proc.Listener{l}
			s, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{
				Intensity: sup.Unlimited,
				Children:  []sup.ChildSpec[*proc.Worker]{{ID: "one", Start: command.Worker}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Shutdown(background); err != nil {
					t.Error(err)
				}
			}()
			var stop atomic.Bool
			var connections atomic.Int64
			var seen sync.Map
			var clients sync.WaitGroup
			for range 2 {
				clients.Go(func() {
					for !stop.Load() {
						conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
						if err != nil {
							t.Errorf("after %d connections: %v", connections.Load(), err)
							return
						}
						_ = conn.SetDeadline(time.Now().Add(time.Minute))
						answer, _ := io.ReadAll(conn) // the process may be killed before it answers
						conn.Close()
						connections.Add(1)
						if len(answer) > 0 {
							seen.Store(string(answer), true)
						}
					}
				})
			}
			one := s.Child("one")
			for range 10 {
				w, err := one.Wait(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				pid := fmt.Sprintln(w.Process().Pid())
				eventually(t, "an answer of the process", func() bool { _, ok := seen.Load(pid); return ok })
				_ = w.Process().Kill()
				<-w.Process().Done()
			}
			stop.Store(true)
			clients.Wait()
		})
	}
}

func TestListenReplacesAStaleSocketFile(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		path := filepath.Join(t.TempDir(), "socket")
		var left interface{ Close() error }
		if network == "unix" {
			l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			left = l
		} else {
			conn, err := net.ListenUnixgram(network, &net.UnixAddr{Name: path, Net: network})
			if err != nil {
				t.Fatal(err)
			}
			left = conn
		}
		if _, err := proc.Listen(network, path); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s that is in use: %v", network, err)
		}
		left.Close()
		l, err := proc.Listen(network, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket file still exists: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the second Close returns %v", err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := proc.Listen(network, path); err == nil {
			t.Errorf("another file than a socket was replaced")
		}
	}
}

func TestListenersAreValidated(t *testing.T) {
	closed := listen(t, "tcp", "127.0.0.1:0")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	open := listen(t, "tcp", "127.0.0.1:0")
	command := proc.Command{Path: "x", Listeners: []*proc.Listener{nil, closed, {}, open.Named("a:b"), open.Named(""), open.Named("ü"), open}}
	faults, _ := errors.AsType[*proc.CommandError](command.Validate())
	var got []string
	for _, f := range faults.Faults {
		got = append(got, f.String())
	}
	want := []string{
		"Listeners[0]: is nil: use a Listener from Listen, or leave the entry out",
		"Listeners[1]: " + closed.Addr().String() + " is closed: close the Listener after the supervisor has ended",
		"Listeners[2]: is nil: use a Listener from Listen, or leave the entry out",
		`Listeners[3]: "a:b" is not a name of a socket: use 1 to 255 ASCII characters without a colon`,
		`Listeners[4]: "" is not a name of a socket: use 1 to 255 ASCII characters without a colon`,
		`Listeners[5]: "ü" is not a name of a socket: use 1 to 255 ASCII characters without a colon`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, tt := range [][2]string{{"ip", "1.2.3.4"}, {"tcp", "nix"}, {"unix", "/no/such/directory/socket"}, {"", ""}} {
		if l, err := proc.Listen(tt[0], tt[1]); err == nil || !strings.HasPrefix(err.Error(), "listen "+tt[0]) {
			t.Errorf("%v: %v, %v", tt, l, err)
		}
	}
}

// The host may not read the memory of such a process.
func TestAProcessOfAnotherUserInheritsItsListeners(t *testing.T) {
	command := proc.Command{
		Path:      "sh",
		Args:      []string{"-c", "test $LISTEN_PID = $$ && ulimit -c && nice"},
		Dir:       "/",
		User:      "nobody",
		Nice:      3,
		Umask:     new(fs.FileMode(0)),
		Listeners: []*proc.Listener{listen(t, "tcp", "127.0.0.1:0")},
		Stdout:    proc.Kept,
	}
	command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.CoreSize: 0}
	if !needRoot(t, command) {
		return
	}
	exit := exitOf(t, command)
	if diff := cmp.Diff([]string{"0", "3"}, texts(exit.Lines)); diff != "" {
		t.Errorf("%v: %s", exit, diff)
	}
}

// Other LISTEN_ variables are removed. The rest keeps its order.
func TestAProcessWithListenersHasTheirVariablesInItsEnvironment(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "7")
	l := listen(t, "tcp", "127.0.0.1:0")
	for _, env := range [][]string{nil, {}, {"LISTEN_PID=5", "A=" + strings.Repeat("x", 100_000), "not.a.name=1", "LISTEN_FDNAMES=x", "LISTEN_PIDFDID=3"}} {
		command := proc.Command{Path: "/usr/bin/env", Args: []string{"-0"}, Env: env, Listeners: []*proc.Listener{l}, Stdout: proc.Piped}
		p := start(t, command)
		all, err := io.ReadAll(p.Stdout())
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(strings.Split(strings.TrimSuffix(string(all), "\x00"), "\x00"), func(entry string) bool {
			return env == nil && !strings.HasPrefix(entry, "LISTEN_") || strings.HasPrefix(entry, "ESPALIER_")
		})
		var want []string
		if len(env) > 0 {
			want = env[1:3]
		}
		want = append(slices.Clip(want), "LISTEN_FDS=1", "LISTEN_FDNAMES=unknown", fmt.Sprintf("LISTEN_PID=%d", p.Pid()))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
