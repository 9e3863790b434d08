//go:build unix

package systemd_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/systemd"
)

// manager opens the socket of systemd, in a directory with a short name.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", conn.LocalAddr().String())
	return conn
}

// receive returns the next datagram.
func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Error(err)
		return "STOPPING: " + err.Error()
	}
	return string(b[:n])
}

func TestMessagesReachSystemd(t *testing.T) {
	conn := manager(t)
	if sent, err := systemd.Notify("STATUS=warming up", "MAINPID=1"); !sent || err != nil {
		t.Fatal(sent, err)
	}
	if got := receive(t, conn); got != "STATUS=warming up\nMAINPID=1" {
		t.Errorf("%q", got)
	}
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", "")
	s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "top"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- systemd.Follow(context.Background(), s, systemd.Options{}) }()
	// The messages are read concurrently, because a full socket would block Follow.
	all := make(chan []string)
	beats := make(chan bool, 2)
	go func() {
		var got []string
		for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "STOPPING") {
			message := receive(t, conn)
			if message != "WATCHDOG=1" {
				got = append(got, message)
				continue
			}
			select {
			case beats <- true:
			default:
			}
		}
		all <- got
	}()
	<-beats
	<-beats
	if err := errors.Join(s.Shutdown(t.Context()), <-done); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"READY=1", "STOPPING=1\nSTATUS=stopping"}, <-all); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidMessagesAndSocketsAreErrors(t *testing.T) {
	conn := manager(t)
	address := conn.LocalAddr().String()
	for _, message := range []string{"", "READY", "=1", "STATUS=a\nb"} {
		if sent, err := systemd.Notify("READY=1", message); sent || err == nil || !strings.Contains(err.Error(), `write "NAME=value"`) {
			t.Errorf("%q: %v, %v", message, sent, err)
		}
	}
	if sent, err := systemd.Notify(); sent || err != nil {
		t.Error(sent, err)
	}
	conn.Close()
	for socket, want := range map[string]string{
		"notify":    `NOTIFY_SOCKET "notify": neither an absolute path nor "@name"`,
		"vsock:2:3": `NOTIFY_SOCKET "vsock:2:3"`,
		address:     "NOTIFY_SOCKET: dial unixgram",
	} {
		t.Setenv("NOTIFY_SOCKET", socket)
		if sent, err := systemd.Notify("READY=1"); sent || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", socket, sent, err)
		}
	}
}

// An unsent message is logged (guarantee 5).
func TestFollowWorksWithoutSystemd(t *testing.T) {
	for _, socket := range []string{"", "/no/such/socket"} {
		t.Setenv("NOTIFY_SOCKET", socket)
		t.Setenv("WATCHDOG_USEC", "soon")
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "top"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if err := systemd.Follow(t.Context(), s, systemd.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "not sent"); (n > 0) != (socket != "") || !strings.Contains(log.String(), "WATCHDOG_USEC") {
			t.Errorf("with the socket %q, the log is %s", socket, &log)
		}
	}
}

func TestFollowOfATreeThatHasNotStartedIsAnError(t *testing.T) {
	manager(t)
	err := systemd.Follow(t.Context(), sup.New(sup.Spec[sup.Worker]{Name: "top"}), systemd.Options{})
	if err == nil || !strings.Contains(err.Error(), "not started") {
		t.Errorf("the error is %v", err)
	}
}
