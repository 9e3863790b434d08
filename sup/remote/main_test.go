package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// TestMain runs the tests and checks that no goroutine is left. The environment can make
// the test binary a client or a server of another user instead.
func TestMain(m *testing.M) {
	if address := os.Getenv("REMOTE_ROLE_AT"); address != "" {
		if os.Getenv("REMOTE_CROWD") != "" {
			connectMany(address)
		}
		fmt.Println(roleAt(address))
		return
	}
	if path := os.Getenv("REMOTE_LISTEN_AT"); path != "" {
		if err := listenAsForeignServer(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	for deadline := time.Now().Add(patience.Bound); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, "FAIL: goroutines have leaked:")
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			os.Exit(1)
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

// roleAt returns the role of this process at a server.
func roleAt(address string) string {
	c, err := remote.Dial(address)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_, err = c.Status(context.Background(), "")
	switch {
	case errors.Is(err, remote.ErrUnreachable):
		return "unreachable"
	case errors.Is(err, remote.ErrDenied):
		return "nobody: " + err.Error()
	case err != nil:
		return err.Error()
	}
	err = c.TerminateChild(context.Background(), sup.Target{Path: "tree/none"})
	switch {
	case errors.Is(err, remote.ErrDenied):
		return "viewer"
	case errors.Is(err, sup.ErrNotRunning), errors.Is(err, sup.ErrNotFound):
		return "operator"
	}
	return fmt.Sprint(err)
}

// listenAsForeignServer accepts one connection and prints how much was sent on it.
func listenAsForeignServer(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	fmt.Println("listening")
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	n, _ := c.Read(make([]byte, 1000))
	fmt.Println(n, "bytes")
	return nil
}

// connectMany opens many connections without sending anything, and returns when the
// server has closed all.
func connectMany(address string) {
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if c, err := net.Dial("unix", strings.TrimPrefix(address, "unix:")); err == nil {
				io.Copy(io.Discard, c)
				c.Close()
			}
		})
	}
	all.Wait()
}
