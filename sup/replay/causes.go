package replay

import (
	"fmt"
	"strings"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// An event does not say whether a command caused it. The methods here find the cause
// in the events before and after it.

// findStop returns the event with which the stop of the root begins that nothing in
// the tree caused: the first stop of a child of the root after which no child
// starts. It returns len(events) if there is none.
func (in *interpreter) findStop(stopping bool) int {
	end := len(in.events)
	for i, e := range in.events {
		if in.below(e.Path) != "" {
			continue
		}
		switch e.Kind {
		case sup.SupervisorStarted:
			end = len(in.events)
		case sup.SupervisorFailed:
			return len(in.events)
		case sup.SupervisorStopped:
			end = i
		}
	}
	if end == len(in.events) && !stopping {
		return end
	}
	stops := []int{end}           // of children of the root, latest first
	exits := make(map[string]int) // of children whose stop was not yet found
	first := func(i int) int {    // of the stops after event i and after all exits
		for _, exit := range exits {
			i = max(i, exit)
		}
		for len(stops) > 1 && stops[len(stops)-1] <= i {
			stops = stops[:len(stops)-1]
		}
		return stops[len(stops)-1]
	}
	for i := end - 1; i >= 0; i-- {
		e := in.events[i]
		if e.ID == "" && e.Kind != sup.SupervisorStarted {
			continue
		}
		if _, ok := exits[e.Path]; ok && e.Kind != sup.ChildStopping && e.Kind != sup.ChildStuck {
			return first(i)
		}
		delete(exits, e.Path)
		switch e.Kind {
		case sup.ChildExited:
			exits[e.Path] = i
		case sup.ChildStarting, sup.ChildReady, sup.ChildRestarting, sup.SupervisorStarted:
			return first(i)
		case sup.ChildStopping:
			if !strings.Contains(in.below(e.Path), "/") {
				stops = append(stops, i)
			}
		}
	}
	return first(-1)
}

// startsChildren reports that a supervisor starts its children because it starts
// itself. One that is not declared belongs to a worker, which starts it at will.
func (in *interpreter) startsChildren(path string) bool {
	return in.sup(path).beginning || in.child(path).starting || in.isWorker(path)
}

// endsAbove reports that a supervisor above a child is ending.
func (in *interpreter) endsAbove(path string) bool {
	for path != "" {
		path = scenario.Parent(path)
		if in.sup(path).ending {
			return true
		}
	}
	return false
}

// failedAlone reports that a child which stops has failed by itself: by its
// watchdog, its start timeout or one of its goroutines.
func (in *interpreter) failedAlone(i int, path string) bool {
	exited := in.nextOf(i, sup.ChildExited)
	if exited == len(in.events) || in.events[exited].Exit.Kind != sup.ExitAbnormal {
		return false
	}
	if err := in.events[exited].Exit.Err; wraps(err, sup.ErrStuck) && !strings.Contains(fmt.Sprint(err), sup.ErrStuck.Error()+": ") {
		return false // a failure of its own would follow the text of ErrStuck
	}
	then := in.next[exited]
	if then == len(in.events) {
		return true
	}
	switch in.events[then].Kind {
	case sup.ChildRestarting, sup.ChildQuarantined:
		return true
	case sup.ChildStopped:
		c := in.find(path)
		return c != nil && c.Restart == sup.Temporary || in.escalates(then, path)
	}
	return false
}

// escalates reports that the supervisor of a child gives up because of an event.
func (in *interpreter) escalates(i int, path string) bool {
	for _, e := range in.events[i:min(i+3, len(in.events))] {
		if e.Kind == sup.SupervisorFailed && in.below(e.Path) == scenario.Parent(path) {
			return true
		}
	}
	return false
}

// nextOf returns the next event of a kind of the same child, or len(events).
func (in *interpreter) nextOf(i int, kind sup.EventKind) int {
	for i = in.next[i]; i < len(in.events) && in.events[i].Kind != kind; i = in.next[i] {
	}
	return i
}

// removedNext reports that a stop leads to the removal of a child that is not
// temporary.
func (in *interpreter) removedNext(i int) bool {
	stopped := in.nextOf(i, sup.ChildStopped)
	if stopped == len(in.events) || in.next[stopped] == len(in.events) {
		return false
	}
	then := in.events[in.next[stopped]]
	c := in.find(in.below(then.Path))
	return then.Kind == sup.ChildRemoved && then.Time.Sub(in.events[stopped].Time) < resolution && (c == nil || c.Restart != sup.Temporary)
}

// autoShutdown reports that a supervisor ends because a significant child exited.
func (in *interpreter) autoShutdown(i int, path string) bool {
	c := in.find(path)
	if c == nil || c.AutoShutdown == sup.AutoShutdownNever {
		return false
	}
	for i--; i >= 0 && in.events[i].Kind != sup.ChildStarting; i-- {
		if e := in.events[i]; e.Kind == sup.ChildExited && scenario.Parent(in.below(e.Path)) == path {
			exited := in.find(in.below(e.Path))
			return exited != nil && exited.Significant
		}
	}
	return false
}
