package sup

import (
	"runtime/trace"
	"strconv"
)

// beginTask makes the incarnation a task of an execution trace, if one is being
// taken. The task is named after the child, or after the set that it is in;
// its context is where the incarnation's values come from, so that regions,
// logs and subtasks of the worker belong to it.
func (inc *incarnation) beginTask() {
	if !trace.IsEnabled() {
		return
	}
	s := inc.child.sup
	ctx, task := trace.NewTask(s.values, joinPath(s.path, inc.child.template()))
	trace.Log(ctx, "sup.path", inc.child.path())
	trace.Log(ctx, "sup.incarnation", strconv.Itoa(inc.n))
	inc.mu.Lock()
	defer inc.mu.Unlock()
	more := inc.moreLocked()
	more.traced, more.task = ctx, task
}

// endTask ends it.
func (inc *incarnation) endTask() {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more != nil && inc.more.task != nil {
		inc.more.task.End()
		inc.more.task = nil
	}
}
