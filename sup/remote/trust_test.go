//go:build linux || darwin || freebsd

package remote_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// Package net takes a name that begins with @ for an abstract socket, which every user
// can create.
func TestAnAbstractSocketIsRejectedByClientAndServer(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, address := range []string{"unix:@control", "unix:\x00control", "unix:run/\x00"} {
		_, stop, err := listen(t, strings.TrimPrefix(address, "unix:"), nil)
		if err == nil {
			stop()
		}
		_, dialErr := remote.Dial(address)
		for side, err := range map[string]error{"server": err, "client": dialErr} {
			if !errors.Is(err, remote.ErrConfig) || !strings.Contains(err.Error(), "abstract socket") {
				t.Errorf("%s, %q: error %v", side, address, err)
			}
		}
	}
	// A file may have such a name.
	s, stop, err := listen(t, filepath.Join(t.TempDir(), "@control"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got := roleAt(s.Address()); got != "operator" {
		t.Errorf("at %s: %s", s.Address(), got)
	}
}

// mkdir creates a directory with a mode, regardless of the umask.
func mkdir(t *testing.T, mode os.FileMode, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAParentDirectoryThatOthersCanWriteToIsRejected(t *testing.T) {
	open := mkdir(t, 0o777, t.TempDir(), "open")
	below := mkdir(t, 0o755, open, "below")
	private := mkdir(t, 0o700, below, "private")
	sticky := mkdir(t, 0o777|os.ModeSticky, t.TempDir(), "sticky")
	links := mkdir(t, 0o755, t.TempDir(), "links")
	link := filepath.Join(links, "link")
	if err := os.Symlink(below, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "links", "loop"), filepath.Join(links, "loop")); err != nil {
		t.Fatal(err)
	}
	writable := "directory " + open + " (drwxrwxrwx) is writable for other users"
	for dir, want := range map[string]string{
		private:                           writable,
		filepath.Join(private, "new"):     writable, // nothing is made there
		filepath.Join(open, "a", "b"):     writable,
		link:                              writable,
		filepath.Join(link, "private"):    writable,
		sticky:                            "directory " + sticky + " (dtrwxrwxrwx) is writable for all users",
		filepath.Join(links, "loop"):      "too many levels of symbolic links",
		filepath.Join(sticky, "mine"):     "",
		filepath.Join(sticky, "b", "c"):   "",
		filepath.Join(links, "x", "../y"): "",
	} {
		s, stop, err := listen(t, filepath.Join(dir, "control.sock"), nil)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("in %s: error %v, want one with %q", dir, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("in %s: %v", dir, err)
			continue
		}
		if got := roleAt(s.Address()); got != "operator" {
			t.Errorf("at %s: %s", s.Address(), got)
		}
		stop()
	}
	if _, err := os.Stat(filepath.Join(private, "new")); err == nil {
		t.Error("a directory was created below one that others can write to")
	}
}

func TestADirectoryOfAnotherUserIsRejected(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can give a directory away")
	}
	theirs := mkdir(t, 0o755, t.TempDir(), "theirs")
	ours := mkdir(t, 0o700, theirs, "ours")
	sticky := mkdir(t, 0o777|os.ModeSticky, t.TempDir(), "sticky")
	squatted := mkdir(t, 0o755, sticky, "squatted")
	if err := errors.Join(os.Chown(theirs, nobody, nobody), os.Chown(squatted, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		theirs:                       "directory " + theirs + " belongs to uid 65534",
		ours:                         "directory " + theirs + " belongs to uid 65534",
		squatted:                     "belongs to uid 65534",
		filepath.Join(squatted, "x"): "belongs to uid 65534",
	} {
		if _, _, err := listen(t, filepath.Join(dir, "control.sock"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("in %s: error %v, want one with %q", dir, err, want)
		}
	}
}

// The kernel reports the user of a server before anything is sent.
func TestNothingIsSentToAServerOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can run a program as another user")
	}
	program := copyOfTestBinary(t)
	// The parents of the other user's directory must be writable for root only, unlike
	// /tmp.
	theirs, err := os.MkdirTemp("/var/run", "theirs")
	if err != nil {
		t.Skipf("SKIPPED: /var/run cannot be written to: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(theirs) })
	if err := os.Chown(theirs, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	open, err := os.MkdirTemp("/var/run", "open")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	if err := os.Chmod(open, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir   string
		users []uint32
		want  error
		sent  bool
	}{
		{open, nil, remote.ErrUntrusted, false},
		{open, []uint32{1, nobody + 1}, remote.ErrUntrusted, false},
		{open, []uint32{1, nobody}, remote.ErrUnreachable, true}, // it hangs up
		{theirs, nil, remote.ErrUnreachable, true},
	} {
		path := filepath.Join(c.dir, "control.sock")
		sent := foreignServer(t, program, path)
		client, err := remote.Dialer{ServerUsers: c.users, Patience: 0}.Dial("unix:" + path)
		if err != nil {
			t.Fatal(err)
		}
		err = client.TerminateChild(t.Context(), sup.Target{Path: "shop/db"})
		if !errors.Is(err, c.want) {
			t.Errorf("in %s with %v: error %v, want %v", c.dir, c.users, err, c.want)
		}
		if c.want == remote.ErrUntrusted && (err == nil || !strings.Contains(err.Error(), "uid 65534")) {
			t.Errorf("error %v does not name the user", err)
		}
		if got := sent(); got != c.sent {
			t.Errorf("in %s with %v: something was sent: %v, want %v", c.dir, c.users, got, c.sent)
		}
		client.Close()
	}
}

// foreignServer listens on a socket as another user. It returns a function that reports
// whether anything was sent.
func foreignServer(t *testing.T, program, path string) (sent func() bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = []string{"REMOTE_LISTEN_AT=" + path, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "listening" {
		t.Fatalf("output of the other user's server: %q", lines.Text())
	}
	return func() bool {
		lines.Scan()
		got := lines.Text()
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		return got != "0 bytes"
	}
}
