package sup

import "sync"

// execute gives each member of a plan its turn, which is a call of step with the index of
// the member. Forward, a turn comes when all members that it waits for have had theirs;
// backward, when all that wait for it have. Turns that do not wait for each other run side
// by side. execute returns when all have returned.
//
// If step returns false, the members that would come after that one, directly or not,
// get no turn.
func (p plan[C]) execute(backward bool, step func(i int) bool) {
	if p.waits == nil {
		for k := range p.members {
			i := k
			if backward {
				i = len(p.members) - 1 - k
			}
			if !step(i) {
				return
			}
		}
		return
	}
	e := &execution{step: step, next: p.followers(), left: make([]int, len(p.members))}
	if backward {
		e.next = p.waits
	}
	for _, next := range e.next {
		for _, i := range next {
			e.left[i]++
		}
	}
	// Which turns come first is decided before any of them runs and changes the counts.
	var first []int
	for i, left := range e.left {
		if left == 0 {
			first = append(first, i)
		}
	}
	e.runAll(first)
	e.group.Wait()
}

// execution is how far the turns of a plan are.
type execution struct {
	step  func(i int) bool
	next  [][]int // for each member, those whose turns come after its own
	group sync.WaitGroup

	mu   sync.Mutex
	left []int // for each member, the number of turns before its own that are not over
}

// runAll runs the turns of some members side by side, the last one in this goroutine,
// and then those that follow.
func (e *execution) runAll(turns []int) {
	for len(turns) > 0 {
		last := len(turns) - 1
		for _, i := range turns[:last] {
			e.group.Go(func() { e.runAll([]int{i}) })
		}
		turns = e.run(turns[last])
	}
}

// run runs one turn, and returns the members whose turns come now.
func (e *execution) run(i int) (now []int) {
	if !e.step(i) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.next[i] {
		if e.left[j]--; e.left[j] == 0 {
			now = append(now, j)
		}
	}
	return now
}
