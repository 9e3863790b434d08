package proc

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// starts says which processes the host has started and not reaped yet. The
// goroutine that waits for such a process must be the one to reap it.
var starts struct {
	mu      sync.Mutex // protects the rest
	going   int        // starts that may have a process which is not in running yet
	running map[int]struct{}
}

// startBegins is called before a process is started.
func startBegins() {
	starts.mu.Lock()
	defer starts.mu.Unlock()
	starts.going++
}

// startEnds is called after that, with the process, or nil if there is none.
func startEnds(process *os.Process) {
	starts.mu.Lock()
	defer starts.mu.Unlock()
	starts.going--
	if process == nil {
		return
	}
	if starts.running == nil {
		starts.running = make(map[int]struct{})
	}
	starts.running[process.Pid] = struct{}{}
}

// startReaped is called when a process has been reaped.
func startReaped(pid int) {
	starts.mu.Lock()
	defer starts.mu.Unlock()
	delete(starts.running, pid)
}

const (
	orphanInterval = 10 * time.Second       // between two looks, if no child ends
	orphanPause    = 100 * time.Millisecond // at least, from one look to the next
)

// ReapOrphans reaps orphaned descendants of the processes that this package has
// started, until ctx ends, and returns its cause. It is for a host that is process
// 1 of a container, or a subreaper (PR_SET_CHILD_SUBREAPER): orphans become its
// children, and stay as zombies when they end. Any other host needs nothing, and
// nor does what is left in the group of a process: that is always reaped.
//
// It reaps only members of groups and sessions that descend from a process of this
// package. So it takes no exit status away from another goroutine that waits for a
// process of its own, with package os/exec say. To tell them apart, it must see
// such a session while one of its processes runs: one that begins and ends within
// a tenth of a second, or in an environment without ESPALIER_PROCESS, may leave
// zombies. An init in the container, such as tini or that of docker run --init,
// leaves none, and is the better choice where it can be had.
//
// As a child of a supervisor, it is the Run of a worker. Other systems than Linux
// have no need for it; there, it waits for ctx.
func ReapOrphans(ctx context.Context) error {
	ctx = given(ctx)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	ticker := time.NewTicker(orphanInterval)
	defer ticker.Stop()
	for {
		reapOrphans()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(orphanPause):
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
		case <-ticker.C:
		}
	}
}

// descendants holds the ids of the groups and sessions that descend from the
// processes of this package, and are not the host's own. Each is kept as long as
// it has a process: until then, no other group or session can have the id. Every
// census brings it up to date.
var descendants lineage

type lineage struct {
	mu               sync.Mutex // protects the rest
	groups, sessions map[int]struct{}
}

func (l *lineage) update(c *census) {
	if c.err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	groups, sessions := make(map[int]struct{}), make(map[int]struct{})
	for _, p := range c.processes {
		if _, ok := l.groups[p.group]; ok {
			groups[p.group] = struct{}{}
		}
		if _, ok := l.sessions[p.session]; ok {
			sessions[p.session] = struct{}{}
		}
	}
	for _, marked := range c.marked {
		for _, p := range marked {
			if p.group != c.host.group {
				groups[p.group] = struct{}{}
			}
			if p.session != c.host.session {
				sessions[p.session] = struct{}{}
			}
		}
	}
	l.groups, l.sessions = groups, sessions
}

func (l *lineage) has(p processStat) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, inGroup := l.groups[p.group]
	_, inSession := l.sessions[p.session]
	return inGroup || inSession
}

// reapOrphans reaps the orphans among all processes.
func reapOrphans() {
	c := takeCensus()
	if c.err != nil {
		return // the host has run out of descriptors, say: the next look may do
	}
	for _, p := range c.processes {
		if p.ended && p.parent == c.host.pid && descendants.has(p) {
			c.reapOrphan(p)
		}
	}
}

// reapOrphan reaps a process that has ended, unless it is one that this package
// has started: then another goroutine waits for it.
func (c *census) reapOrphan(p processStat) {
	starts.mu.Lock()
	defer starts.mu.Unlock()
	if _, ours := starts.running[p.pid]; ours {
		return
	}
	// A process that was just started leads a group in the session of the host. It
	// may have ended before it is in running. The next look knows.
	if starts.going > 0 && p.pid == p.group && p.session == c.host.session {
		return
	}
	reapIfEnded(p)
}

// reapIfEnded reaps a child of this program, if it has ended and is still the
// process that was seen.
func reapIfEnded(seen processStat) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, seen.pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	if err != nil || info.Signo == 0 {
		return
	}
	// The id may be another process's by now.
	if now, _, err := readProcess(seen.pid, nil); err == nil && now.start == seen.start {
		_, _ = syscall.Wait4(seen.pid, nil, syscall.WNOHANG, nil)
	}
}
