package proc

import (
	"crypto/rand"
	"slices"
	"strconv"
	"sync/atomic"
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
