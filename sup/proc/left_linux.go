package proc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// markVariable marks a process and its descendants, so that those that have left
// its group can be recognized once it has ended. By then, neither their parent
// nor their group says where they come from.
const markVariable = "ESPALIER_PROCESS"

var (
	hostMark = rand.Text()[:16] // begins all marks of this host
	marks    atomic.Int64
)

// mark gives the process a mark.
func (p *Process) mark() {
	p.marked = fmt.Sprintf("%s-%d", hostMark, marks.Add(1))
	p.cmd.Env = append(withoutVariables(p.cmd.Env, markVariable), markVariable+"="+p.marked)
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

	censuses.taking.Lock() // reading /proc takes some milliseconds, and never blocks
	defer censuses.taking.Unlock()
	censuses.mu.Lock()
	censuses.next = nil // callers from now on might look for what this one has missed
	censuses.mu.Unlock()
	defer close(c.done)
	c.take()
	return c
}

func (c *census) take() {
	if c.processes, c.err = listProcesses(); c.err != nil {
		return
	}
	self := os.Getpid()
	c.marked = make(map[string][]processStat)
	begun := uint64(0) // of the host: what is older is none of its processes
	if i := slices.IndexFunc(c.processes, func(p processStat) bool { return p.pid == self }); i >= 0 {
		begun = c.processes[i].start
	}
	for _, p := range c.processes {
		if p.ended || p.pid == self || p.start < begun {
			continue
		}
		if mark := markOf(p.pid); strings.HasPrefix(mark, hostMark+"-") {
			c.marked[mark] = append(c.marked[mark], p)
		}
	}
}

// markOf returns the mark of a process, "" if it has none, or belongs to another
// user.
func markOf(pid int) string {
	environ, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, []byte(markVariable+"=")); ok {
			return string(mark)
		}
	}
	return ""
}

// isGone reports whether reading of a process has failed because it is gone.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
