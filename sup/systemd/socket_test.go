//go:build unix

package systemd

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A socket stays open when its listener is closed, and the next listener gets the
// connections that were not accepted.
func TestASocketOutlivesItsListeners(t *testing.T) {
	sockets, err := Sockets()
	if err != nil || len(sockets) != 2 {
		t.Fatal(sockets, err)
	}
	first, err := sockets[0].Listener()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", first.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	second, err := sockets[0].Listener()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	accepted, err := second.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(accepted, "hello")
	accepted.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheSocketsAreTheProgramsOwn(t *testing.T) {
	sockets, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Sockets(); len(again) != 2 || again[0] != sockets[0] {
		t.Errorf("the second call returns %v", again)
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if value, set := os.LookupEnv(name); set {
			t.Errorf("%s is still %q", name, value)
		}
	}
	for _, fd := range []uintptr{3, 4} {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is inherited: %b, %v", fd, flags, err)
		}
	}
	file, err := sockets[1].File()
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the file is inherited: %b, %v", flags, err)
	}
	file.Close()
}

// A stream is asked of a datagram socket, and the other way round.
func TestASocketOfTheOtherKindIsAnError(t *testing.T) {
	sockets, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sockets[1].Listener(); err == nil || !strings.HasPrefix(err.Error(), "systemd: socket dns: ") {
		t.Errorf("the error is %v", err)
	}
	if _, err := sockets[0].PacketConn(); err == nil || !strings.HasPrefix(err.Error(), "systemd: socket web: ") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheVariablesAreChecked(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, tt := range []struct{ pid, count, names, want string }{
		{"", "2", "", ""},
		{"1", "2", "", ""},
		{"x", "2", "", ""},
		{own, "0", "", ""},
		{own, "", "", `systemd: LISTEN_FDS is "": it must be a number of descriptors`},
		{own, "-1", "", `systemd: LISTEN_FDS is "-1": it must be a number of descriptors`},
		{own, "99999999999", "", `systemd: LISTEN_FDS is "99999999999": it must be a number of descriptors`},
		{own, "2", "a", `systemd: LISTEN_FDNAMES "a" has 1 names, and LISTEN_FDS is 2: both must be the same`},
		{own, "1000000", "", "bad file descriptor"},
	} {
		sockets, err := take(tt.pid, tt.count, tt.names)
		if len(sockets) != 0 || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, %v", tt, sockets, err)
		}
	}
}
