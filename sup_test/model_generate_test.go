package sup_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// drawCase returns a random tree and a sequence of commands, each of which is possible
// in the state of the model.
func drawCase(rt *rapid.T) *modelCase {
	d := &drawer{T: rt}
	sc := &modelCase{name: "found", root: d.root()}
	m := newModel(sc.root)
	do := func(cmd command) {
		r := m.perform(cmd)
		if m.silent != "" {
			sc.silent = m.silent
			return
		}
		sc.commands = append(sc.commands, cmd)
		sc.want = append(sc.want, r)
	}
	do(command{verb: "start"})
	for range d.number("steps", 0, 24) {
		if cmd, ok := d.command(m); ok && m.silent == "" {
			do(cmd)
		}
	}
	if m.silent == "" {
		do(command{verb: "stop"})
		do(command{verb: "pass", time: time.Minute})
	}
	return sc
}

type drawer struct {
	*rapid.T
	made int // branches so far
}

// number draws a number, each equally likely. rapid's own ranges prefer small numbers,
// and small trees, to which little happens, find few faults. Numbers still shrink to
// zero.
func (d *drawer) number(what string, from, to int) int {
	n, span := 0, to-from+1
	for bit := 1; bit < 4*span; bit *= 2 {
		if coin.Draw(d.T, what) {
			n += bit
		}
	}
	return from + n%span
}

var coin = rapid.Bool()

func choose[T any](d *drawer, what string, from ...T) T {
	return from[d.number(what, 0, len(from)-1)]
}

// features are the features that a tree may have. They were added one at a time.
// Removing them shows which one makes a difference.
type feature uint

const (
	failing feature = 1 << iota
	backingOff
	budgeted
	slowStops
	slowStarts
	adding
	autoShutdown
	nesting
	sets
	escalating
)

var features = ^feature(0)

func (f feature) on() bool { return features&f != 0 }

func (d *drawer) root() *branch {
	return d.supervisor("", 1)
}

func (d *drawer) supervisor(id string, depth int) *branch {
	b := &branch{ID: id, Kind: aSupervisor}
	b.Strategy = choose(d, "strategy", sup.OneForOne, sup.OneForAll, sup.RestForOne)
	b.Intensity = d.intensity()
	if autoShutdown.on() {
		b.AutoShutdown = choose(d, "auto", sup.AutoShutdownNever, sup.AutoShutdownNever, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	}
	for i := range d.number("children", 0, 4) {
		b.Adopt(d.child(string(rune('a'+i)), b, depth))
	}
	return b
}

func (d *drawer) intensity() sup.Intensity {
	return choose(d, "intensity", sup.DefaultIntensity, sup.Intensity{Within: time.Second},
		sup.Intensity{Restarts: 1, Within: 2 * time.Second}, sup.Unlimited)
}

func (d *drawer) child(id string, up *branch, depth int) *branch {
	var b *branch
	switch kind := d.kind(depth); kind {
	case aSupervisor:
		b = d.supervisor(id, depth+1)
	case aKeyed, aReplicas:
		b = &branch{ID: id, Kind: kind, Intensity: d.intensity(), Size: d.number("size", 1, 3)}
		each := d.worker("*")
		d.policy(each, b)
		b.Children = []*branch{each}
	default:
		b = d.worker(id)
	}
	d.policy(b, up)
	return b
}

func (d *drawer) kind(depth int) scenario.Kind {
	kinds := []scenario.Kind{aWorker, aWorker, aWorker}
	if nesting.on() && depth < 4 {
		kinds = append(kinds, aSupervisor)
	}
	if sets.on() {
		kinds = append(kinds, aKeyed, aReplicas)
	}
	return choose(d, "kind", kinds...)
}

// policy draws what every child has.
func (d *drawer) policy(b, up *branch) {
	b.Restart = choose(d, "restart", sup.Permanent, sup.Transient, sup.Temporary)
	if b.Restart != sup.Permanent && up.AutoShutdown != sup.AutoShutdownNever {
		b.Significant = rapid.Bool().Draw(d.T, "significant")
	}
	if backingOff.on() && b.Restart != sup.Temporary {
		switch least := d.time("backoff", 0, 0, 100*time.Millisecond, time.Second); least {
		case 0:
		default:
			b.Backoff = sup.Backoff{Min: least, Max: 4 * least, ResetAfter: d.time("reset", 0, 3*time.Second)}
		}
	}
	if budgeted.on() && b.Restart != sup.Temporary && !b.Significant && b.Backoff.Min == 0 {
		b.Budget = choose(d, "budget", sup.Intensity{}, sup.Intensity{}, sup.Intensity{Restarts: 1, Within: 10 * time.Second})
	}
	if escalating.on() && b.Kind == aWorker {
		b.Stuck = choose(d, "stuck", sup.StuckWait, sup.StuckWait, sup.StuckWait, sup.StuckAbandon, sup.StuckEscalate)
	}
}

// time draws a time. Times of different children differ a little, so that no two steps
// end at the same moment.
func (d *drawer) time(what string, from ...time.Duration) time.Duration {
	t := choose(d, what, from...)
	if t > 0 {
		t += time.Duration(d.made) * 10 * time.Millisecond
	}
	return t
}

func (d *drawer) worker(id string) *branch {
	d.made++
	b := &branch{ID: id}
	how := &b.Faults
	if failing.on() {
		if fail := d.attempts("fail"); fail.To > 0 {
			way := choose(d, "failHow", "error", "start", "panic", "goexit", "exhausted")
			if d.number("long", 0, 3) == 3 { // F4
				fail.To += 12
			}
			how.Fail = []scenario.FailedStarts{{Attempts: fail, How: way}}
		}
	}
	if slowStarts.on() {
		how.Slow = d.time("slow", 0, 0, 0, 500*time.Millisecond, 2*time.Second)
		b.StartTimeout = d.time("startTimeout", 0, 0, time.Second)
		if b.StartTimeout > 0 {
			if hang := d.attempts("hang"); hang.To > 0 {
				how.Hang = []attempts{hang}
			}
		}
	}
	if slowStops.on() {
		how.Stop = d.time("stop", 0, 0, 0, 700*time.Millisecond, 3*time.Second, 7*time.Second)
		b.Shutdown = choose(d, "shutdown", 0, 0, time.Second, sup.Infinity)
		how.IgnoresStop = how.Stop == 0 && d.number("deaf", 0, 7) == 7
		how.Badly = d.number("badly", 0, 3) == 3
	}
	return b
}

func (d *drawer) attempts(what string) (a attempts) {
	if d.number(what, 0, 2) == 2 {
		a.From = d.number("from", 1, 4)
		a.To = a.From + d.number("more", 0, 3)
	}
	return a
}

// command draws a command. It returns false if the command is not possible now.
func (d *drawer) command(m *model) (command, bool) {
	if m.root.state == sup.StateStopped {
		return command{}, false
	}
	verbs := []string{"die", "die", "die", "die", "pass", "pass", "next", "terminate", "restart", "replace", "delete"}
	if slowStops.on() {
		verbs = append(verbs, "release")
	}
	if adding.on() {
		verbs = append(verbs, "add")
	}
	if sets.on() {
		verbs = append(verbs, "remove")
	}
	switch verb := choose(d, "verb", verbs...); verb {
	case "release":
		return command{verb: verb}, true
	case "pass":
		return command{verb: verb, time: choose(d, "time", 100*time.Millisecond, time.Second, 2*time.Second, 5*time.Second)}, true
	case "next": // to the next moment at which something is due
		at, _ := m.next()
		return command{verb: "pass", time: at - m.now}, at != never && at != m.now
	case "add":
		return d.add(m)
	default:
		return d.call(m, verb)
	}
}

func (d *drawer) add(m *model) (command, bool) {
	var sups []*node
	m.root.all(func(n *node) {
		if (n.b.Kind == aSupervisor || n.b.Kind == aKeyed) && n.state != sup.StateStarting {
			sups = append(sups, n)
		}
	})
	if len(sups) == 0 {
		return command{}, false
	}
	s := sups[d.number("supervisor", 0, len(sups)-1)]
	cmd := command{verb: "add", path: s.path}
	if s.b.Kind == aKeyed {
		cmd.spec = member(s.b, choose(d, "key", "k0", "k1", "k2", "k3"))
	} else {
		cmd.spec = d.child(choose(d, "id", "x", "y", "z", "a"), s.b, 4)
	}
	return cmd, true
}

// call draws a call on a child, or an action of a running worker.
func (d *drawer) call(m *model, verb string) (command, bool) {
	var nodes []*node
	m.root.all(func(n *node) {
		switch {
		case n.up == nil:
		case verb != "die" && n.up.state == sup.StateStarting: // the contract does not cover calls during the start
		case verb == "die" && (n.b.Kind != aWorker || n.state != sup.StateRunning):
		case verb == "remove" && n.up.b.Kind != aKeyed:
		case verb == "delete" && n.up.b.Kind == aReplicas:
		default:
			nodes = append(nodes, n)
		}
	})
	if len(nodes) == 0 {
		return command{}, false
	}
	cmd := command{verb: verb, path: nodes[d.number("child", 0, len(nodes)-1)].path}
	if verb == "die" {
		cmd.arg = choose(d, "how", "boom", "normal", "shutdown", "panic", "goexit", "canceled")
	}
	return cmd, true
}
