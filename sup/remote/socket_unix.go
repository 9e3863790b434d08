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

// A socket is a listening unix socket. A lock file beside it protects its path, so
// that two programs that find the same stale socket do not both replace it.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo // identifies the socket
	lock *os.File
}

// listenUnix listens on a socket. It replaces a stale socket at the path.
//
// It binds the socket under a temporary name, sets its mode, and renames it. So the
// socket never has a wider mode, and a client finds either the old or the new one.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (*socket, error) {
	dir := filepath.Dir(path) // of the socket, since path is clean
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
		return nil, fmt.Errorf("path %s too long for a socket: use a shorter directory", path)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it would unlink the temporary name
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

// Close stops listening, and removes the socket unless another one has replaced it.
func (s *socket) Close() error {
	if file, err := os.Lstat(s.path); err == nil && os.SameFile(file, s.file) {
		os.Remove(s.path)
	}
	err := s.UnixListener.Close()
	unlock(s.lock)
	return err
}

// Addr returns the address with the final path of the socket.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// dialTimeout limits the connection attempt that detects a running server.
const dialTimeout = 2 * time.Second

// checkStale returns nil if the path does not exist, or is a stale socket.
func checkStale(ctx context.Context, path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case file.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is not a socket: remove it, or use another path", path)
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
	return fmt.Errorf("%s exists, and may have a running server: %w", path, err)
}

// lockFile acquires a lock that ends with the program at the latest. The holder removes
// the file when it releases the lock. If the file is gone once the lock is acquired,
// another program may hold the lock of a new file, so lockFile tries again.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%w: %s locked", ErrInUse, path)
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
	os.Remove(f.Name()) // while the lock is still held
	f.Close()
}
