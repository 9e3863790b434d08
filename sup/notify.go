package sup

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// How observers are called.
//
// An event is not made where it happens, under the lock of its supervisor. There only
// what it is made from is queued. A goroutine takes the whole queue at once, leaves an
// empty one in its place, and makes and delivers one event after the other, while the
// next ones are queued. So a crash loop that is observed pays for a copy an event and
// for one wake a batch, and the two queues are used in turn and not allocated again.

// backlogLimit is the number of events that may wait for the observers before
// automatic restarts are delayed.
const backlogLimit = 4096

// resumeLimit is the number of events below which restarts go on. If they went on at each
// event that is delivered, a slow observer would cost each restart a wait.
const resumeLimit = backlogLimit - 256

// keptQueue is the largest capacity of a queue that is kept while no events come. A
// crash loop that is throttled never needs more, and so allocates no queues. Those of a
// crowd that has started must not stay for the life of the tree.
const keptQueue = backlogLimit * 3 / 2

// A batch of hotBatch events shows that something fails without a pause. The next batch
// may then grow to fullBatch. Small batches cost more than their events if the queues
// move from one processor's cache to another's all the time.
const (
	hotBatch  = 64
	fullBatch = 1024
)

// A notifier calls the observers of a tree. Its goroutine exists only while events
// are queued.
type notifier struct {
	// Read for each event on both sides, and rarely changed.

	listeners atomic.Int32 // number of observers and subscriptions
	full      atomic.Bool  // set at backlogLimit events that wait, reset below resumeLimit; changed under mu

	_ apart

	// Changed for each event that is queued.

	seq     atomic.Uint64 // number of the last event; if there are listeners, changed under mu only
	mu      sync.Mutex    // protects the fields below
	queue   []delivery
	left    int // number of events of the batch that were not delivered when it was last counted
	running bool
	idle    chan struct{} // created by a waiter; closed when run ends
	space   chan struct{} // created by a waiter; closed when full is reset

	_ apart

	// Changed for each event that is delivered, by run only.

	// before is closed when the observers of the root's previous life have received
	// all its events.
	before   <-chan struct{}
	batch    []delivery
	at       int      // index in batch of the event that is being delivered
	observer int      // number of observers that have been called with it
	named    lastName // of the child of the last event
}

// apart keeps fields that different processors change out of one cache line. Without it a
// restart that is observed takes a third longer.
type apart [64]byte

// A delivery is an event that has not been made, and the life of its supervisor.
type delivery struct {
	life   *core
	entry  entry
	except int // number of the observer that does not receive the event, from 1; 0 if all do
}

// lastName is the id and the path of a child. Most events are about the child of the
// event before, and their texts are then not made again.
type lastName struct {
	child    *child // nil if none is kept
	id, path string
}

// queueLocked queues an event, and starts run if it is not running.
func (p *notifier) queueLocked(life *core, e *entry, except int) {
	n := len(p.queue)
	p.queue = slices.Grow(p.queue, 1)[:n+1]
	next := &p.queue[n] // filled in place: a delivery is large
	next.life, next.entry, next.except = life, *e, except
	if len(p.queue)+p.left >= backlogLimit && !p.full.Load() {
		p.full.Store(true)
	}
	if !p.running {
		p.running = true
		go p.run()
	}
}

// run delivers queued events until there are none.
func (p *notifier) run() {
	finished := false
	defer func() { // an observer may end this goroutine with runtime.Goexit
		if !finished {
			go p.run()
		}
	}()
	if p.before != nil {
		<-p.before
		p.before = nil
	}
	for !finished {
		if p.at < len(p.batch) {
			p.deliver()
			p.awaitMore()
		} else {
			finished = !p.takeQueue()
		}
	}
}

// awaitMore yields the processor after a batch, so that what is ready to run adds to the
// next one. Otherwise each of a crowd that starts in turn would have its own. After a
// hot batch it yields as long as events come, and the next batch is not full. It never
// sleeps: observers receive an event even if no other follows.
func (p *notifier) awaitMore() {
	runtime.Gosched()
	if len(p.batch) < hotBatch {
		return
	}
	for before, n := 0, p.queued(); n != before && n < fullBatch; before, n = n, p.queued() {
		for range 16 { // a look at the queue takes its lock from what fills it
			runtime.Gosched()
		}
	}
}

// queued returns the length of the queue.
func (p *notifier) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// takeQueue makes the queue the batch. If the queue is empty, it reports false, and run
// must end.
func (p *notifier) takeQueue() bool {
	clear(p.batch) // it would keep children that are removed
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batch, p.queue, p.at = p.queue, p.batch[:0], 0
	p.countLocked()
	if len(p.batch) > 0 {
		return true
	}
	if max(cap(p.queue), cap(p.batch)) > keptQueue {
		p.queue, p.batch = nil, nil
	}
	p.running = false
	p.idle = closeMade(p.idle)
	return false
}

// deliver calls the observers with the events of the batch, from where the last call
// has stopped. It stops after an observer that panics, and run calls it again. If the
// observer ends the goroutine, the next goroutine does.
func (p *notifier) deliver() {
	returned := false
	defer func() {
		if !returned {
			p.report(caught(recover()))
		}
	}()
	var event Event
	for p.at < len(p.batch) {
		next := &p.batch[p.at]
		p.describe(next, &event)
		observers := next.life.events.observers
		for p.observer < len(observers) {
			o := observers[p.observer]
			p.observer++ // before the call, which may not return
			if p.observer != next.except {
				o.Observe(event)
			}
		}
		p.at, p.observer = p.at+1, 0
		if p.full.Load() {
			p.count()
		}
	}
	returned = true
}

// report passes the failure of the observer that was called last to the other observers
// and the subscriptions, as an ObserverPanicked event.
func (p *notifier) report(failure error) {
	failure = shield(failure)
	last := &p.batch[p.at]
	event := last.life.event(&last.entry)
	if event.Kind == ObserverPanicked {
		return // otherwise two observers that panic at every event would go on for ever
	}
	last.life.events.emit(last.life, &entry{event: &Event{
		Kind: ObserverPanicked, Time: event.Time, Path: event.Path, Exit: Exit{ExitAbnormal, failure},
	}}, p.observer)
}

// describe makes the event of a delivery in place of the one before.
func (p *notifier) describe(next *delivery, event *Event) {
	c := next.entry.child
	if c == nil {
		p.named = lastName{}
		*event = next.life.event(&next.entry)
		return
	}
	if p.named.child != c {
		id := c.id()
		p.named = lastName{c, id, joinPath(next.life.path, id)}
	}
	next.life.describeChild(&next.entry, p.named.id, p.named.path, event)
	if event.Kind == ChildRemoved { // named must not keep it
		p.named = lastName{}
	}
}

// count counts the events that wait.
func (p *notifier) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countLocked()
}

// countLocked counts the events that wait, and lets restarts go on if they are few
// enough. While they are, only takeQueue calls it.
func (p *notifier) countLocked() {
	p.left = len(p.batch) - p.at
	if p.full.Load() && len(p.queue)+p.left < resumeLimit {
		p.full.Store(false)
		p.space = closeMade(p.space)
	}
}

// awaitSpace returns a channel that is closed when full is reset. It returns nil if full
// is not set.
func (p *notifier) awaitSpace() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.full.Load() {
		return nil
	}
	if p.space == nil {
		p.space = make(chan struct{})
	}
	return p.space
}

// backlogged reports whether backlogLimit events wait for the observers.
func (d *dispatcher) backlogged() bool { return d.notifier.full.Load() }

// throttle delays an automatic restart until the observers have caught up or enough is
// closed. Otherwise the events of a child that always fails at once could fill the memory.
func (d *dispatcher) throttle(enough <-chan struct{}) {
	for d.backlogged() {
		space := d.notifier.awaitSpace()
		if space == nil {
			return
		}
		select {
		case <-space:
		case <-enough:
			return
		}
	}
}
