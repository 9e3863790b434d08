package sup

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// exhausted reports whether err says that the host has run out of descriptors,
// memory or processes (F4). EAGAIN counts only if a fork, pipe or socket failed with
// it, because from a lock it means that the lock is held.
func exhausted(err error) (is bool) {
	defer func() { _ = recover() }() // the methods of err are foreign code
	for _, errno := range exhaustion {
		if errors.Is(err, errno) {
			return true
		}
	}
	return couldNotMake(err)
}

// makers are the names that the standard library gives, in its errors, to system
// calls that create a process, a pipe or a socket.
var makers = []string{
	"fork", "vfork", "clone", "clone3", "fork/exec", "posix_spawn",
	"pipe", "pipe2", "socket", "socketpair",
}

// couldNotMake reports whether err wraps an EAGAIN from one of the makers.
func couldNotMake(err error) bool {
	switch e := err.(type) {
	case *os.SyscallError:
		if e.Err == errAgain && slices.Contains(makers, e.Syscall) {
			return true
		}
	case *fs.PathError:
		if e.Err == errAgain && slices.Contains(makers, e.Op) {
			return true
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return couldNotMake(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), couldNotMake)
	}
	return false
}
