package sup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// config is what a supervisor of any type is made from. It does not change.
type config struct {
	name       string
	strategy   Strategy
	intensity  Intensity
	auto       AutoShutdown
	set        SetKind // the children of a set stop all at once
	max        int     // of a Keyed
	labels     bool
	stopWithin time.Duration
	record     int
	observers  []Observer
	faults     []Fault
	keys       *keySet       // of a Keyed; nil for others
	add        addChild      // adds a child by its id or the text of its key; nil if none can be added that way
	populate   func(s *core) // links the declared children to a new life
}

// isSupervisor reports whether w is a supervisor, or embeds one.
func isSupervisor(w Worker) bool {
	_, ok := w.(hasBase)
	return ok
}

// keySet gives access to a [Keyed] by the texts of its keys, without their type.
type keySet struct {
	find func(text string) *child
}

// addChild adds a child to a life by its id, or by the text of its key.
type addChild func(ctx context.Context, life *core, id string) (ChildInfo, error)

// hasBase is implemented by all supervisors, and by types that embed one.
type hasBase interface{ base() *supervision }

// supervision is the part that supervisors of all types have in common: a
// configuration, and the current or last life. A parent restarts a supervisor by
// running it again, so one supervision can have many lives, one at a time.
type supervision struct {
	mu     sync.Mutex // held to begin a life; taken before core.mu
	config *config
	life   atomic.Pointer[core] // nil until declared
}

// current returns the current or last life. Before the supervision is declared, it
// returns a life that never begins.
func (f *supervision) current() *core {
	if s := f.life.Load(); s != nil {
		return s
	}
	return newCore(context.Background(), &config{name: "undeclared"}, f)
}

// declared returns the configuration, or an empty one before the supervision is
// declared.
func (f *supervision) declared() *config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil {
		return &config{}
	}
	return f.config
}

// base implements hasBase. Types that embed a supervisor have it by promotion.
func (f *supervision) base() *supervision { return f }
