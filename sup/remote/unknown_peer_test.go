//go:build linux || darwin || freebsd

package remote_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup/remote"
)

// The kernel reports the user of a process. Only root can start one as another user.
func TestProcessesOfOtherUsersNeedAGrant(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can run a program as another user")
	}
	path, program := filepath.Join(openDirectory(t), "control.sock"), copyOfTestBinary(t)
	address := "unix:" + path
	const (
		granted = "access denied: no grant for uid 65534, pid "
		mode    = ": access denied: uid 65534 may not connect: dial unix "
	)
	for _, c := range []struct {
		mode   fs.FileMode
		access []remote.Grant
		want   string // how it begins
	}{
		{0o600, nil, "nobody: " + address + mode + path + ": connect: permission denied"},
		{0o600, []remote.Grant{remote.User(nobody, remote.Viewer)}, "nobody: " + address + mode},
		{0o666, nil, "nobody: " + address + ": " + granted},
		{0o666, []remote.Grant{remote.User(nobody+1, remote.Operator)}, "nobody: " + address + ": " + granted},
		{0o666, []remote.Grant{remote.User(nobody, remote.Viewer)}, "viewer"},
		{0o666, []remote.Grant{remote.Group(nobody, remote.Operator), remote.User(nobody, remote.Viewer)}, "operator"},
	} {
		_, stop, err := listen(t, path, func(config *remote.Config) { config.Mode, config.Access = c.mode, c.access })
		if err != nil {
			t.Fatal(err)
		}
		if got := roleOfUser(t, program, nobody, address); !strings.HasPrefix(got, c.want) {
			t.Errorf("mode %v, %d grants: uid %d is %q, want %q", c.mode, len(c.access), nobody, got, c.want)
		}
		stop()
	}
}

// Silent processes without a grant take no places from others and are disconnected
// soon.
func TestManyProcessesWithoutAGrantTakeNoPlaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can run a program as another user")
	}
	path := filepath.Join(openDirectory(t), "control.sock")
	var log logbook
	s, stop, err := listen(t, path, func(config *remote.Config) {
		config.Mode, config.MaxConnections, config.HeaderTimeout, config.Logger = 0o666, 1, time.Hour, log.logger()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c, err := remote.Dial(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context(), ""); err != nil { // it has the one place
		t.Error(err)
	}
	if got := roleOfUser(t, copyOfTestBinary(t), nobody, s.Address(), "REMOTE_CROWD=1"); !strings.HasPrefix(got, "nobody: ") {
		t.Errorf("after many connections, uid %d is %q", nobody, got)
	}
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "client rejected"); n == 0 || n > 20 {
		t.Errorf("the log has %d lines:\n%s", n, log.String())
	}
}

const nobody = 65534

// openDirectory creates a directory that other users can enter.
func openDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "socket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The error names the dialed path, although the server bound the socket under another
// name.
func TestAnErrorNamesTheDialedSocket(t *testing.T) {
	dir := t.TempDir()
	hidden, path := filepath.Join(dir, ".hidden"), filepath.Join(dir, "control.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Rename(hidden, path); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1)) // closing with unread data resets the connection
			c.Close()
		}
	}()
	c, err := remote.Dial("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Status(t.Context(), "")
	if !errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), "read unix "+path+": ") {
		t.Errorf("error %v", err)
	}
}

// roleOfUser returns the role of another user at a server.
func roleOfUser(t *testing.T, program string, uid uint32, address string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(env, "REMOTE_ROLE_AT="+address, "GORACE=atexit_sleep_ms=0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// copyOfTestBinary copies the test binary to a place that other users can read.
func copyOfTestBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp("", "client")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Chmod(0o755), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
