package sup

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// The stop of a set, whose children stop all at once (X3). One goroutine and one
// timer watch over all of them: a timer for each would cost more than the stop.

// setBatch is how many children of a set are asked to stop under one lock. Between
// two batches, children that have stopped can take the lock.
const setBatch = 1024

// stopSet asks all children to stop, and waits until each is over or stuck.
func (s *core) stopSet() {
	children := s.children() // none is added once the supervisor is ending
	batch := make([]*incarnation, 0, setBatch)
	var left, unbounded []*incarnation // with a shutdown timeout, and without
	var latest time.Duration
	// The timeouts of children that were asked together end together, and those that were
	// stopping before end earlier. So the list is nearly always sorted already.
	sorted := true // set if left is in the order in which the timeouts end
	now := s.now() // the timeouts of all begin at the same time
	for len(children) > 0 {
		batch = batch[:0]
		s.mu.Lock()
		for len(batch) < setBatch && len(children) > 0 {
			c := children[len(children)-1]
			children = children[:len(children)-1]
			inc := s.stopForEndLocked(c, now)
			if inc == nil {
				continue
			}
			batch = append(batch, inc)
			if inc.stopBy == Infinity {
				unbounded = append(unbounded, inc)
				continue
			}
			left = append(left, inc)
			sorted = sorted && latest <= inc.stopBy
			latest = inc.stopBy
		}
		// Cancelling may run any number of waiting goroutines, which need the lock.
		s.mu.Unlock()
		for _, inc := range batch {
			inc.cancel(s.life.stopCause)
		}
	}
	s.awaitSet(left, sorted)
	for _, inc := range unbounded {
		s.awaitGone(context.Background(), inc)
	}
}

// awaitSet waits until incarnations of a set are over or stuck. sorted is set if they
// are in the order in which their timeouts end.
//
// It waits for the whole supervisor to be quiet and not for each incarnation in turn,
// which for a million children would be a million waits. The timer always runs for the
// timeout that ends first.
func (s *core) awaitSet(left []*incarnation, sorted bool) {
	if len(left) == 0 {
		return
	}
	s.mu.Lock()
	length := left[0].stopTimeLocked() // of all of them: the children of a set share their policy
	if !sorted {
		sortByStopLocked(left)
	}
	now := s.now()
	// The whole program may have been suspended since they were asked. The last one tells:
	// others may have been stopping before, with timers of their own.
	if last := left[len(left)-1]; !last.timed && late.Stopped(length, now-(last.stopBy-length)) {
		extendStopsLocked(left, now)
	}
	wait := late.Wait(left[0].stopBy-now, length)
	s.mu.Unlock()
	look := now + wait // when the timer should fire
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		quiet, onlyStuck := s.quietLocked(), s.goroutines.running <= s.list.stuck
		s.mu.Unlock()
		if onlyStuck {
			return
		}
		select {
		case <-quiet: // all are over, or another child is stuck: look again
			continue
		case <-timer.C:
		}
		// Most of them have ended by now. They stay in the list, because to find them in
		// it would take longer than to look at each when its timeout is over.
		now, over := s.now(), 0
		s.mu.Lock()
		if late.Stopped(length, now-look) { // the whole program was suspended, and the children with it
			extendStopsLocked(left, now)
		}
		for over < len(left) && left[over].stopBy <= now {
			over++
		}
		s.mu.Unlock()
		// Those that have ended since are in this list too: markOverdue looks again.
		s.markOverdue(left[:over]...)
		if left = left[over:]; len(left) == 0 {
			return
		}
		s.mu.Lock()
		wait := late.Wait(left[0].stopBy-now, length)
		s.mu.Unlock()
		look = now + wait
		timer.Reset(wait)
	}
}

// sortByStopLocked sorts incarnations by the ends of their timeouts.
func sortByStopLocked(incs []*incarnation) {
	slices.SortStableFunc(incs, func(a, b *incarnation) int { return cmp.Compare(a.stopBy, b.stopBy) })
}

// extendStopsLocked gives incarnations of one supervisor their shutdown timeout once
// more, because the whole program was suspended.
func extendStopsLocked(incs []*incarnation, now time.Duration) {
	for _, inc := range incs {
		if !inc.extended {
			inc.stopBy, inc.extended = late.Begin(now, inc.stopTimeLocked()).End, true
		}
	}
	sortByStopLocked(incs)
}
