//go:build linux || darwin || freebsd

package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A socket is a unix socket that is listened on. Its path belongs to whoever
// holds the lock beside it, so that two programs which find the same stale
// socket do not both take it over.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo // of the socket
	lock *os.File
}

// listenUnix listens on a socket. What is at the path is replaced if it is a
// socket that nobody listens on any more.
//
// The socket is bound under another name, given its mode and then renamed: it
// is never there with a wider one, and a client finds either the old or the new
// one.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (*socket, error) {
	dir := filepath.Dir(path) // path is clean, so this is the directory of what is bound
	if err := checkDirectory(dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	s, err := bind(ctx, path, mode)
	if err != nil {
		unlock(lock)
		return nil, err
	}
	s.lock = lock
	return s, nil
}

func bind(ctx context.Context, path string, mode fs.FileMode) (_ *socket, err error) {
	if err := checkStale(ctx, path); err != nil {
		return nil, err
	}
	temporary := filepath.Join(filepath.Dir(path), "."+rand.Text()[:8])
	if len(temporary) > maxSocketPath {
		return nil, fmt.Errorf("the directory of %s has a path that is too long for a socket: use a shorter one", path)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it knows the temporary name only
	defer func() {
		if err != nil {
			l.Close()
			os.Remove(temporary)
		}
	}()
	if err := os.Chmod(temporary, mode); err != nil {
		return nil, err
	}
	file, err := os.Lstat(temporary)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, path); err != nil {
		return nil, err
	}
	return &socket{UnixListener: l, path: path, file: file}, nil
}

// Close stops listening, and removes the socket if it is still this one's.
func (s *socket) Close() error {
	if file, err := os.Lstat(s.path); err == nil && os.SameFile(file, s.file) {
		os.Remove(s.path)
	}
	err := s.UnixListener.Close()
	unlock(s.lock)
	return err
}

// Addr is the address under which clients find the socket.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// dialTimeout is how long a server that may be there has for being found.
const dialTimeout = 2 * time.Second

// checkStale returns nil if nothing is at the path, or a socket that nobody
// listens on.
func checkStale(ctx context.Context, path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case file.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there, and no socket: remove it, or use another path", path)
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	c, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%w: %s", ErrInUse, path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("%s is there, and it is not clear whether somebody listens: %w", path, err)
}

// lockFile takes a lock that ends with the program at the latest. The file of a
// lock that is given up is removed, and so may be gone once the lock has been
// had: then it is the next file that counts.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%w: %s is locked", ErrInUse, path)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		held, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if there, err := os.Lstat(path); err == nil && os.SameFile(held, there) {
			return f, nil
		}
		f.Close()
	}
}

func unlock(f *os.File) {
	os.Remove(f.Name()) // before it is given up
	f.Close()
}
