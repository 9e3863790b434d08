package sup

import "sync/atomic"

// reference is how a handle finds its child.
type reference struct {
	target atomic.Pointer[child] // the child that was found last
	lookup *lookup               // nil if the handle stays with this one child
}

// lookup finds the child of a handle in the current life of its supervisor.
type lookup struct {
	base *supervision
	id   string
	find func() *child
}
