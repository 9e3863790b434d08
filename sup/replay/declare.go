package replay

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// declareSupervisor declares a supervisor as the snapshot shows it.
func declareSupervisor(s sup.SupervisorInfo) *scenario.Child {
	d := &scenario.Child{Kind: scenario.Supervisor, Strategy: s.Strategy, Intensity: valid(s.Intensity), AutoShutdown: s.AutoShutdown}
	switch s.Set {
	case sup.SetKeyed:
		d.Kind, d.Size = scenario.Keyed, max(0, min(s.Max, scenario.MaxMembers))
	case sup.SetReplicas:
		d.Kind, d.Size = scenario.Replicas, min(len(s.Children), scenario.MaxMembers)
	}
	for _, c := range s.Children {
		switch {
		case c.ID == "" || d.Child(scenario.IDField(c.ID)) != nil: // an edited record
		case d.IsSet():
			d.Children = []*scenario.Child{declareChild(c)} // its members are all alike
			d.Children[0].ID = "*"
		default:
			d.Adopt(declareChild(c))
		}
	}
	return d
}

func declareChild(c sup.ChildInfo) *scenario.Child {
	d := &scenario.Child{}
	if c.Supervisor != nil {
		d = declareSupervisor(*c.Supervisor)
	} else if c.Kind == sup.KindSupervisor {
		d.Kind, d.Intensity = scenario.Supervisor, sup.DefaultIntensity
	}
	d.ID, d.Restart, d.Significant, d.Policy = scenario.IDField(c.ID), c.Restart, c.Significant, c.Policy
	for _, id := range c.Needs {
		d.Needs = append(d.Needs, scenario.IDField(id))
	}
	if d.Shutdown < 0 && d.Shutdown != sup.Brutal {
		d.Shutdown = 0
	}
	d.StartTimeout, d.Budget = max(d.StartTimeout, 0), valid(d.Budget)
	d.Backoff.Min, d.Backoff.Max, d.Backoff.ResetAfter = max(d.Backoff.Min, 0), max(d.Backoff.Max, 0), max(d.Backoff.ResetAfter, 0)
	return d
}

// valid makes an intensity valid, since a record may have been edited.
func valid(i sup.Intensity) sup.Intensity {
	i.Within = max(i.Within, 0)
	return i
}

// complete declares the children that were gone when the snapshot was taken, and
// removes those that were added while events were recorded.
func (b *builder) complete() {
	started := make(map[string]bool) // by path: supervisors whose start is recorded
	last := make(map[string]string)  // by path of a supervisor: the id of the child that started last
	lists := make(map[*scenario.Child]*childList)
	of := func(up *scenario.Child) *childList {
		if lists[up] == nil {
			lists[up] = newChildList(up)
		}
		return lists[up]
	}
	for i, e := range b.record.Events {
		path := b.below(e.Path)
		if e.Kind == sup.SupervisorStarted {
			started[path] = true
		}
		if e.ID == "" || !scenario.Complete(path) {
			continue
		}
		at := scenario.Parent(path)
		up := b.find(at)
		switch {
		case up == nil || up.Kind == scenario.Worker:
			b.comment("%s is below a worker, in a supervisor of that worker, and left out.", path)
			continue
		case e.Kind == sup.ChildStarting && e.Incarnation == 1 && started[at] && b.added[path] == nil && !up.IsSet():
			one := b.find(path)
			if one != nil && !b.info[path].Added {
				break
			}
			if one == nil {
				one = b.guess(path, i)
			}
			b.added[path] = one
			of(up).remove(one)
		case b.find(path) != nil:
		case up.IsSet():
			one := b.guess(path, i)
			one.ID = "*"
			up.Children = []*scenario.Child{one}
		default:
			one := b.guess(path, i)
			of(up).insert(one, last[at])
			b.comment("%s was gone when the snapshot was taken: %s is a guess.", path, one.Restart)
		}
		if e.Kind == sup.ChildStarting {
			last[at] = scenario.Last(path)
		}
	}
	for _, l := range lists {
		l.save()
	}
}

// guess guesses the declaration of a child that is gone, from its events with an
// index of at least from. A child that was removed each time it ended is temporary,
// and one that stayed down after a normal end is transient.
func (b *builder) guess(path string, from int) *scenario.Child {
	d := &scenario.Child{ID: scenario.Last(path)}
	var stoppedAt time.Time
	var finished, removed, stayed bool
	if last, ok := b.lastBelow[path]; ok && last >= from {
		d.Kind, d.Intensity = scenario.Supervisor, sup.DefaultIntensity
	}
	events := b.events[path]
	first, _ := slices.BinarySearch(events, from)
	for _, i := range events[first:] {
		e := b.record.Events[i]
		switch e.Kind {
		case sup.ChildStopped:
			stoppedAt = e.Time
			finished = finished || e.Exit.Kind == sup.ExitNormal
		case sup.ChildRemoved:
			removed = removed || e.Time.Sub(stoppedAt) < resolution
		case sup.ChildRestarting:
			stayed = true
		case sup.ChildStarting:
			stayed = stayed || !stoppedAt.IsZero() && !removed
		}
	}
	switch {
	case removed && !stayed:
		d.Restart = sup.Temporary
	case finished:
		d.Restart = sup.Transient
	}
	return d
}

// commentSnapshot comments on what the snapshot contains and the format cannot
// express.
func (b *builder) commentSnapshot(d *scenario.Child, s sup.SupervisorInfo, path string) {
	for _, c := range s.Children {
		at := scenario.Join(path, scenario.IDField(c.ID))
		if d.IsSet() {
			at = scenario.Join(path, "*")
		}
		if c.Policy.Watchdog > 0 {
			b.comment("%s has a watchdog of %v, which is not played: its effect is a die.", at, c.Policy.Watchdog)
		}
		if c.Policy.Backoff.Jitter > 0 {
			b.comment("The backoff of %s has a jitter of %v, which is not played: the waits are the longest.", at, c.Policy.Backoff.Jitter)
		}
		if c.Kind == sup.KindSupervisor && c.Supervisor == nil {
			b.comment("%s was down: its declaration and what is below it are guesses.", at)
		}
		if one := d.Find(scenario.IDField(c.ID)); c.Supervisor != nil && one != nil {
			if d.IsSet() {
				b.comment("%s is a set of supervisors, which the format does not have: its members are workers here.", path)
				*one = scenario.Child{ID: one.ID, Restart: one.Restart, Significant: one.Significant, Policy: one.Policy}
				continue
			}
			b.commentSnapshot(one, *c.Supervisor, at)
		}
	}
	if size := max(s.Max, len(s.Children)); d.IsSet() && size > scenario.MaxMembers {
		b.comment("%s had %d members or room for them: here it has %d.", path, size, scenario.MaxMembers)
	}
	if d.IsSet() && len(d.Children) == 0 {
		d.Children = []*scenario.Child{{ID: "*"}}
		b.comment("%s was empty: the declaration of its members is a guess.", path)
	}
}
