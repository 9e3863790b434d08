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

// ownProcesses are the processes that this package has started and not reaped yet.
// Each of them must be reaped by the goroutine that waits for it.
var ownProcesses struct {
	mu       sync.Mutex // guards the rest
	starting int        // starts whose process may not be in running yet
	running  map[int]struct{}
}

// beginStart must be called before each start of a process.
func beginStart() {
	ownProcesses.mu.Lock()
	defer ownProcesses.mu.Unlock()
	ownProcesses.starting++
}

// endStart must be called after each start, with the process or nil.
func endStart(process *os.Process) {
	ownProcesses.mu.Lock()
	defer ownProcesses.mu.Unlock()
	ownProcesses.starting--
	if process == nil {
		return
	}
	if ownProcesses.running == nil {
		ownProcesses.running = make(map[int]struct{})
	}
	ownProcesses.running[process.Pid] = struct{}{}
}

// forgetProcess must be called when a process has been reaped.
func forgetProcess(pid int) {
	ownProcesses.mu.Lock()
	defer ownProcesses.mu.Unlock()
	delete(ownProcesses.running, pid)
}

const (
	orphanInterval = 10 * time.Second       // between two rounds, if no child ends
	orphanPause    = 100 * time.Millisecond // minimum time between two rounds
)

// ReapOrphans reaps orphaned descendants of the processes that this package has
// started. It runs until ctx ends, and returns its cause.
//
// It is for a host that is process 1 of a container, or a subreaper
// (PR_SET_CHILD_SUBREAPER). Orphans become children of such a host, and stay zombies
// after their end. Other hosts do not need it, nor does the group of a process,
// which is always reaped.
//
// ReapOrphans reaps only groups and sessions that descend from a process of this
// package, so it takes no exit status from a goroutine that waits for a process of
// its own, for example with package os/exec. It must see such a session while one of
// its processes runs. A session that begins and ends within a tenth of a second, or
// without ESPALIER_PROCESS in its environment, may leave zombies. An init such as
// tini, or docker run --init, leaves none. Prefer an init if there can be one.
//
// Under a supervisor, call ReapOrphans in the Run of a worker. On systems other than
// Linux it only waits for ctx.
func ReapOrphans(ctx context.Context) error {
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

// descendants are the groups and sessions that descend from the processes of this
// package, apart from those of the host itself. Each snapshot updates them.
var descendants descendantSet

// A descendantSet keeps an id as long as its group or session has a process. Until
// then, no other group or session can have the id.
type descendantSet struct {
	mu               sync.Mutex // guards the rest
	groups, sessions map[int]struct{}
}

func (d *descendantSet) update(s *snapshot) {
	if s.err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	groups, sessions := make(map[int]struct{}), make(map[int]struct{})
	for _, p := range s.processes {
		if _, ok := d.groups[p.group]; ok {
			groups[p.group] = struct{}{}
		}
		if _, ok := d.sessions[p.session]; ok {
			sessions[p.session] = struct{}{}
		}
	}
	for _, marked := range s.byMark {
		for _, p := range marked {
			if p.group != s.host.group {
				groups[p.group] = struct{}{}
			}
			if p.session != s.host.session {
				sessions[p.session] = struct{}{}
			}
		}
	}
	d.groups, d.sessions = groups, sessions
}

func (d *descendantSet) has(p processStat) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, inGroup := d.groups[p.group]
	_, inSession := d.sessions[p.session]
	return inGroup || inSession
}

// reapOrphans reaps all orphans that have ended by now.
func reapOrphans() {
	s := takeSnapshot()
	if s.err != nil {
		return // such as EMFILE; the next round may succeed
	}
	for _, p := range s.processes {
		if p.ended && p.parent == s.host.pid && descendants.has(p) {
			s.reapOrphan(p)
		}
	}
}

// reapOrphan reaps a process that has ended, unless this package has started it:
// another goroutine waits for those.
func (s *snapshot) reapOrphan(p processStat) {
	ownProcesses.mu.Lock()
	defer ownProcesses.mu.Unlock()
	if _, own := ownProcesses.running[p.pid]; own {
		return
	}
	// A process that has just been started leads a group in the session of the host.
	// It may have ended before it was added to running. The next round decides.
	if ownProcesses.starting > 0 && p.pid == p.group && p.session == s.host.session {
		return
	}
	reapIfEnded(p)
}

// reapIfEnded reaps a child of the host if it has ended and is still the process
// that was seen.
func reapIfEnded(seen processStat) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, seen.pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	if err != nil || info.Signo == 0 {
		return
	}
	// Another process may have got the id.
	if now, _, err := readProcess(seen.pid, nil); err == nil && now.start == seen.start {
		_, _ = syscall.Wait4(seen.pid, nil, syscall.WNOHANG, nil)
	}
}
