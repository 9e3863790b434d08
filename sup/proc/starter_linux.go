package proc

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// threadKind is what a process inherits of the thread that starts it. There is
// one starter for each that was asked for, at most 80, since an unprivileged
// thread cannot take back a higher nice value.
type threadKind struct {
	nice   int  // 0: that of the host
	masked bool // has a umask of its own
}

var starters struct {
	mu     sync.Mutex
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

// prepare changes the thread that it is called on, and no other.
func (k threadKind) prepare() error {
	if k.nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), k.nice); err != nil {
			return inField("Nice", fmt.Errorf("to %d: %w", k.nice, err))
		}
	}
	if k.masked {
		// The threads of a program share umask and working directory.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return inField("Umask", fmt.Errorf("a thread of this host cannot have one of its own, as in a container that forbids unshare(2): "+
				"set it in the program, or by \"sh -c 'umask …; exec …'\": %w", os.NewSyscallError("unshare", err)))
		}
	}
	return nil
}

func onMainThread() bool { return unix.Gettid() == syscall.Getpid() }

// startOnThread has the right starter call a function that starts the process.
// ctx bounds the wait for its turn.
func (c Command) startOnThread(ctx context.Context, start func() error) error {
	s := starterOf(threadKind{c.Nice, c.Umask != nil})
	if c.Umask == nil {
		return s.startOnThread(ctx, start)
	}
	// The thread does not follow the host to another working directory.
	dir, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: ".", Err: err}
	}
	defer unix.Close(dir)
	return s.startOnThread(ctx, func() error {
		if err := unix.Fchdir(dir); err != nil {
			return inField("Umask", fmt.Errorf("the working directory of the host: %w", err))
		}
		unix.Umask(int(*c.Umask))
		return start()
	})
}
