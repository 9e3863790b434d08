package proc

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// threadKind is what a process inherits from the thread that starts it. Each kind
// in use has a starter of its own, at most 80, because an unprivileged thread cannot
// lower its nice value again.
type threadKind struct {
	nice   int  // 0 means the value of the host
	masked bool // the thread has a umask of its own
}

var starters struct {
	mu     sync.Mutex // guards byKind
	byKind map[threadKind]*starter
}

func starterOf(kind threadKind) *starter {
	starters.mu.Lock()
	defer starters.mu.Unlock()
	s := starters.byKind[kind]
	if s == nil {
		s = &starter{}
		if kind != (threadKind{}) {
			s.prepare = kind.prepare
		}
		if starters.byKind == nil {
			starters.byKind = make(map[threadKind]*starter)
		}
		starters.byKind[kind] = s
	}
	return s
}

// prepare changes the current thread, and no other.
func (k threadKind) prepare() error {
	if k.nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), k.nice); err != nil {
			return fieldError("Nice", fmt.Errorf("to %d: %w", k.nice, err))
		}
	}
	if k.masked {
		// By default, all threads share the umask and the working directory.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fieldError("Umask", fmt.Errorf("unshare(2) is not allowed, as in some containers: "+
				"set the mask in the program, or by \"sh -c 'umask …; exec …'\": %w", os.NewSyscallError("unshare", err)))
		}
	}
	return nil
}

func onMainThread() bool { return unix.Gettid() == syscall.Getpid() }

// startOnThread calls a function that starts the process, on the right thread. ctx
// bounds the wait for other starts.
func (c Command) startOnThread(ctx context.Context, start func() error) error {
	s := starterOf(threadKind{c.Nice, c.Umask != nil})
	if c.Umask == nil {
		return s.call(ctx, start)
	}
	// A thread with its own umask does not follow changes of the working directory.
	dir, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: ".", Err: err}
	}
	defer unix.Close(dir)
	return s.call(ctx, func() error {
		if err := unix.Fchdir(dir); err != nil {
			return fieldError("Umask", fmt.Errorf("working directory of the host: %w", err))
		}
		unix.Umask(int(*c.Umask))
		return start()
	})
}
