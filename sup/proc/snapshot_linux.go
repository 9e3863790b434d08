package proc

import (
	"bytes"
	"crypto/rand"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// markVariable is in the environment of a process and its descendants. It
// identifies the descendants that have left the group of a process once the process
// has ended, because neither their parent nor their group does so then.
const markVariable = "ESPALIER_PROCESS"

var (
	hostMark   = rand.Text()[:16]                            // distinguishes the marks of this host from those of others
	markPrefix = []byte(markVariable + "=" + hostMark + "-") // of environment entries
	marks      atomic.Int64                                  // the last mark
)

// setMark gives the process a mark of its own.
func (p *Process) setMark() {
	p.mark = strconv.FormatInt(marks.Add(1), 10)
	p.cmd.Env = append(withoutVariables(p.cmd.Env, markVariable), string(markPrefix)+p.mark)
}

// leftRunning returns the processes that a process leaves running: members of its
// group that could not be killed, and descendants that have left the group. The
// caller must have reaped the process and killed the rest of its group.
func (p *Process) leftRunning() []int {
	if p.cgroup != nil { // no descendant can leave it
		return p.cgroup.members()
	}
	left, _ := groupMembers(p.Pid())
	for _, other := range takeSnapshot().byMark[p.mark] {
		left = append(left, other.pid)
	}
	slices.Sort(left)
	return slices.Compact(left)
}

// snapshot is the result of one look at all processes of the system.
type snapshot struct {
	processes []processStat
	host      processStat
	byMark    map[string][]processStat // the running descendants of each process of this host
	err       error
	done      chan struct{} // closed when the snapshot is complete
}

var snapshots struct {
	reading sync.Mutex // held by the goroutine that reads /proc
	mu      sync.Mutex // guards next
	next    *snapshot  // shared by all callers that wait; nil if there are none
}

// takeSnapshot returns a snapshot that was begun after the call. Callers that
// arrive while another snapshot is taken share the next one, so that /proc is read
// only a few times when many processes end at once.
func takeSnapshot() *snapshot {
	snapshots.mu.Lock()
	s := snapshots.next
	if s != nil {
		snapshots.mu.Unlock() // the goroutine that takes the snapshot needs mu
		<-s.done
		return s
	}
	s = &snapshot{done: make(chan struct{})}
	snapshots.next = s
	snapshots.mu.Unlock() // callers may join while this one waits for its turn

	snapshots.reading.Lock() // held while /proc is read, which does not block
	defer snapshots.reading.Unlock()
	snapshots.mu.Lock()
	snapshots.next = nil // this snapshot may miss what later callers look for
	snapshots.mu.Unlock()
	defer close(s.done)
	s.read()
	descendants.update(s)
	return s
}

func (s *snapshot) read() {
	if s.processes, s.err = listProcesses(); s.err != nil {
		return
	}
	var buf []byte
	if s.host, buf, s.err = readProcess(os.Getpid(), nil); s.err != nil {
		return
	}
	s.byMark = make(map[string][]processStat)
	sessions := make(map[int]int, len(s.processes)) // by process
	for _, p := range s.processes {
		sessions[p.pid] = p.session
	}
	var executing []processStat
	for _, p := range s.processes {
		if p.ended || p.kernel || p.pid == s.host.pid || p.start < s.host.start { // an older process is no descendant
			continue
		}
		var hasEnviron bool
		if hasEnviron, buf = s.addByMark(p, buf); !hasEnviron && p.session != sessions[p.parent] {
			// Wait only for daemons: their parent has ended, and the process that reaps
			// orphans is in another session.
			executing = append(executing, p)
		}
	}
	for pause := time.Millisecond; ; pause *= 2 {
		executing = slices.DeleteFunc(executing, func(p processStat) bool {
			hasEnviron, _ := s.addByMark(p, nil)
			return hasEnviron || !justStarted(p)
		})
		if len(executing) == 0 {
			return
		}
		time.Sleep(pause)
	}
}

// addByMark adds a process to byMark, if it has a mark of this host. It returns
// false if the environment is empty, as it is while a program is being executed.
// buf is a buffer like that of readProcess.
func (s *snapshot) addByMark(p processStat, buf []byte) (bool, []byte) {
	environ, err := readProc(p.pid, "environ", buf)
	if err != nil {
		return true, environ // the process belongs to another user, or has ended
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, markPrefix); ok {
			s.byMark[string(mark)] = append(s.byMark[string(mark)], p)
		}
	}
	return len(environ) > 0, environ
}

// justStarted reports whether a process was started within the last second. An
// older process has no environment because it was given none.
func justStarted(p processStat) bool {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return false
	}
	return p.start+ticks > uint64(now.Nano())/(1e9/ticks)
}
