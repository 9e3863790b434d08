package sup

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// exhausted reports whether an error says that the host of this program has run
// out of descriptors, memory or processes (F4). EAGAIN says so only where a fork, a
// pipe or a socket failed with it: of a lock it says that another holds it. The
// methods of err are foreign code, and may panic.
func exhausted(err error) (is bool) {
	defer func() { _ = recover() }()
	for _, errno := range exhaustion {
		if errors.Is(err, errno) {
			return true
		}
	}
	return couldNotMake(err)
}

// makers are the names under which the standard library reports the system calls
// that make a process, a pipe or a socket.
var makers = []string{
	"fork", "vfork", "clone", "clone3", "fork/exec", "posix_spawn",
	"pipe", "pipe2", "socket", "socketpair",
}

// couldNotMake looks for EAGAIN from one of the makers.
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
