//go:build linux || darwin || freebsd

package remote_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// listen starts a server with a tree on a socket, and returns a function that stops
// both.
func listen(t *testing.T, path string, edit func(*remote.Config)) (s *remote.Server, stop func(), err error) {
	t.Helper()
	tree := sup.New(sup.Spec[idle]{Name: "tree"})
	config := remote.Config{Address: "unix:" + path, Logger: new(logbook).logger()}
	if edit != nil {
		edit(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s = remote.NewServer(sup.Control(tree), config)
	if err := s.Initialize(ctx); err != nil {
		cancel()
		return s, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, sync.OnceFunc(func() {
		cancel()
		<-ended
	}), nil
}

func TestASocketIsAccessibleToItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "control.sock")
	s, stop, err := listen(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for name, want := range map[string]fs.FileMode{path: 0o600 | fs.ModeSocket, filepath.Dir(path): 0o700 | fs.ModeDir} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s is %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}
	c, err := remote.Dial(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Error(err)
	}
	stop()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADirectoryThatOthersCanWriteToIsRejected(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, _, err := listen(t, filepath.Join(dir, "control.sock"), nil)
	if err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("error %v", err)
	}
}

func TestTheSocketOfARunningServerIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	_, stop, err := listen(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, _, err := listen(t, path, nil); !errors.Is(err, remote.ErrInUse) {
		t.Errorf("second server: %v", err)
	}
	// A program that does not use the lock must not be replaced either.
	other := filepath.Join(t.TempDir(), "other.sock")
	l, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := listen(t, other, nil); !errors.Is(err, remote.ErrInUse) {
		t.Errorf("with another program on the socket: %v", err)
	}
	if _, err := net.Dial("unix", other); err != nil {
		t.Errorf("other program not reachable: %v", err)
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s, stop, err := listen(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c, err := remote.Dial(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNotASocketIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := listen(t, path, nil); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("error %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "data" {
		t.Errorf("file content %q, %v", content, err)
	}
}

// Many servers start at once on a stale socket, repeatedly. There is never more than
// one.
func TestOneOfManyServersGetsTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	var live, won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				_, stop, err := listen(t, path, nil)
				if errors.Is(err, remote.ErrInUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				won.Add(1)
				if n := live.Add(1); n > 1 {
					t.Errorf("%d servers have the socket", n)
				}
				live.Add(-1)
				stop()
			}
		})
	}
	all.Wait()
	if won.Load() == 0 {
		t.Error("no server got the socket")
	}
}

// Silent connections arrive 500 at a time. Another client is served meanwhile and
// afterwards.
func TestTenThousandSilentConnectionsDoNotBlockOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, stop, err := listen(t, path, func(c *remote.Config) { c.MaxConnections, c.HeaderTimeout = 100, 50*time.Millisecond })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var flood sync.WaitGroup
	var refused atomic.Int32
	places := make(chan struct{}, 500)
	for range 10_000 {
		places <- struct{}{}
		flood.Go(func() {
			defer func() { <-places }()
			c, err := net.Dial("unix", path)
			if err != nil { // the system's queue is full
				refused.Add(1)
				return
			}
			defer c.Close()
			c.SetReadDeadline(time.Now().Add(patience.Bound))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read: %v", err)
			}
		})
	}
	c, err := remote.Dialer{Patience: time.Minute}.Dial(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Errorf("during the flood: %v", err)
	}
	flood.Wait()
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	t.Logf("%d connections did not come about", refused.Load())
}
