package proc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// markVariable marks a process and its descendants, so that those that have left
// its group can be recognized once it has ended. By then, neither their parent
// nor their group says where they come from.
const markVariable = "ESPALIER_PROCESS"

var (
	hostMark   = rand.Text()[:16]                            // tells the marks of this host from those of others
	markPrefix = []byte(markVariable + "=" + hostMark + "-") // of entries
	marks      atomic.Int64
)

// mark gives the process a mark.
func (p *Process) mark() {
	p.marked = strconv.FormatInt(marks.Add(1), 10)
	p.cmd.Env = append(withoutVariables(p.cmd.Env, markVariable), string(markPrefix)+p.marked)
}

// leftOf returns the processes that a process has left running: what could not be
// killed, and what has left its group. It is called when the process has been
// reaped, and what is left of its group was killed.
func (p *Process) leftOf() []int {
	if p.cgroup != nil { // which nothing can leave
		return p.cgroup.members()
	}
	left, _ := groupMembers(p.Pid())
	for _, other := range takeCensus().marked[p.marked] {
		left = append(left, other.pid)
	}
	slices.Sort(left)
	return slices.Compact(left)
}

// census is one look at all processes.
type census struct {
	processes []processStat
	host      processStat
	marked    map[string][]processStat // those of this host that run, by mark
	err       error
	done      chan struct{}
}

var censuses struct {
	taking sync.Mutex // held by the goroutine that looks
	mu     sync.Mutex // protects next
	next   *census    // nil if none waits to be taken
}

// takeCensus returns a census that was begun after the call. Callers that come
// while one is taken share the next one: when many processes end at once, there
// are still only a few looks.
func takeCensus() *census {
	censuses.mu.Lock()
	c := censuses.next
	if c != nil {
		censuses.mu.Unlock()
		<-c.done
		return c
	}
	c = &census{done: make(chan struct{})}
	censuses.next = c
	censuses.mu.Unlock()

	censuses.taking.Lock() // held while /proc is read, which does not block
	defer censuses.taking.Unlock()
	censuses.mu.Lock()
	censuses.next = nil // callers from now on might look for what this one has missed
	censuses.mu.Unlock()
	defer close(c.done)
	c.take()
	descendants.update(c)
	return c
}

func (c *census) take() {
	if c.processes, c.err = listProcesses(); c.err != nil {
		return
	}
	var buf []byte
	if c.host, buf, c.err = readProcess(os.Getpid(), nil); c.err != nil {
		return
	}
	c.marked = make(map[string][]processStat)
	sessions := make(map[int]int, len(c.processes)) // by process
	for _, p := range c.processes {
		sessions[p.pid] = p.session
	}
	var executing []processStat
	for _, p := range c.processes {
		if p.ended || p.kernel || p.pid == c.host.pid || p.start < c.host.start { // what is older is none of the host's
			continue
		}
		var hasOne bool
		if hasOne, buf = c.look(p, buf); !hasOne && p.session != sessions[p.parent] {
			// The parent of a daemon has gone, and its new one, which reaps orphans,
			// is in another session. Only then is it worth to wait.
			executing = append(executing, p)
		}
	}
	for wait := time.Millisecond; ; wait *= 2 {
		executing = slices.DeleteFunc(executing, func(p processStat) bool {
			hasOne, _ := c.look(p, nil)
			return hasOne || !isRecent(p)
		})
		if len(executing) == 0 {
			return
		}
		time.Sleep(wait)
	}
}

// look files a process under its mark, if it has one of this host. It returns
// false if the process has no environment, because it is about to execute a
// program. buf is for [readProcess].
func (c *census) look(p processStat, buf []byte) (bool, []byte) {
	environ, err := readProc(p.pid, "environ", buf)
	if err != nil {
		return true, environ // it belongs to another user, or is gone
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, markPrefix); ok {
			c.marked[string(mark)] = append(c.marked[string(mark)], p)
		}
	}
	return len(environ) > 0, environ
}

// isRecent reports whether a process was started within the last second. Later, it
// has no environment because it was given none.
func isRecent(p processStat) bool {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return false
	}
	return p.start+ticks > uint64(now.Nano())/(1e9/ticks)
}

// isGone reports whether reading of a process has failed because it is gone.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
