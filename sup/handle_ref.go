package sup

import "sync/atomic"

// lookup finds the child of a handle in the life that its supervisor has now.
type lookup struct {
	base *supervision
	id   string
	find func() *child
}

// reference is where a handle finds its child.
type reference struct {
	target atomic.Pointer[child]
	lookup *lookup // nil where the handle is of this one child
}
