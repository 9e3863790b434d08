package sup

import (
	"context"
	"sync"
	"sync/atomic"
)

// declaration is what a supervisor of any type is made from.
type config struct {
	name      string
	strategy  Strategy
	intensity Intensity
	auto      AutoShutdown
	set       SetKind // the children of sets stop all at once
	max       int     // of a Keyed
	labels    bool
	record    int
	observers []Observer
	faults    []Fault
	keys      *keySet       // of a Keyed
	populate  func(s *core) // links the declared children
}

func isSupervisor(w Worker) bool {
	_, ok := w.(hasBase)
	return ok
}

// keySet is what a [Keyed] offers to who knows its keys as text only.
type keySet struct {
	find  func(text string) *child
	start func(ctx context.Context, life *core, text string) (ChildInfo, error)
}

// supervised is implemented by all supervisors, and by what embeds one.
type hasBase interface{ base() *supervision }

// supervision is what supervisors of all types have in common: a declaration,
// and the life that it has now, or had last. A parent restarts a supervisor by
// running it again, so one supervision can have many lives, one at a time.
type supervision struct {
	mu     sync.Mutex // held to begin a life
	config *config
	life   atomic.Pointer[core] // nil until declared
}

// current returns the life that there is now, or was last; of a supervision
// that has not been declared, one that never begins.
func (f *supervision) current() *core {
	if s := f.life.Load(); s != nil {
		return s
	}
	return newCore(context.Background(), &config{name: "undeclared"}, f)
}

func (f *supervision) declared() *config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil {
		return &config{}
	}
	return f.config
}

func (f *supervision) base() *supervision { return f }
