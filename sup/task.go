package sup

import (
	"runtime/trace"
	"strconv"
)

// beginTask makes the incarnation a task of the execution trace, if one is being
// recorded. The task is named after the child, or after its set. The values of the
// incarnation come from the context of the task, so that regions, logs and subtasks
// of the worker belong to it.
func (inc *incarnation) beginTask() {
	if !trace.IsEnabled() {
		return
	}
	// The name is the same for all members of a set: a trace groups tasks by name, and a
	// million names of one task each would show nothing.
	s := inc.child.sup
	ctx, task := trace.NewTask(s.values, joinPath(s.path, inc.child.template()))
	trace.Log(ctx, "sup.path", inc.child.path())
	trace.Log(ctx, "sup.incarnation", strconv.Itoa(inc.n))
	inc.mu.Lock()
	defer inc.mu.Unlock()
	more := inc.moreLocked()
	more.traced, more.task = ctx, task
}

// endTask ends the task, if there is one.
func (inc *incarnation) endTask() {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more != nil && inc.more.task != nil {
		inc.more.task.End()
		inc.more.task = nil
	}
}
