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

// The next listener gets the connections that were not accepted.
func TestASocketStaysOpenAfterItsListener(t *testing.T) {
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

func TestChildProcessesGetNeitherSocketsNorVariables(t *testing.T) {
	sockets, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := Sockets(); len(second) != 2 || second[0] != sockets[0] {
		t.Errorf("the second call returns %v", second)
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

// Such as a stream listener of a datagram socket.
func TestASocketOfTheWrongKindIsAnError(t *testing.T) {
	sockets, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sockets[1].Listener(); err == nil || !strings.HasPrefix(err.Error(), "socket dns: ") {
		t.Errorf("the error is %v", err)
	}
	if _, err := sockets[0].PacketConn(); err == nil || !strings.HasPrefix(err.Error(), "socket web: ") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheVariablesAreValidated(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, tt := range []struct{ pid, count, names, want string }{
		{"", "2", "", ""},
		{"1", "2", "", ""},
		{"x", "2", "", ""},
		{own, "0", "", ""},
		{own, "", "", `LISTEN_FDS "": not a number of descriptors`},
		{own, "-1", "", `LISTEN_FDS "-1": not a number of descriptors`},
		{own, "99999999999", "", `LISTEN_FDS "99999999999": not a number of descriptors`},
		{own, "2", "a", `LISTEN_FDNAMES "a": 1 names for LISTEN_FDS 2`},
		{own, "1000000", "", "bad file descriptor"},
	} {
		sockets, err := parseSockets(tt.pid, tt.count, tt.names)
		if len(sockets) != 0 || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, %v", tt, sockets, err)
		}
	}
}
