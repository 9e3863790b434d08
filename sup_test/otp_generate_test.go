package sup_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// scenarios generates random scenarios of features that OTP has too. The model gives
// the state of the tree, so that the commands are possible. A scenario ends where the
// contract leaves open what follows or departs from OTP.
var scenarios = rapid.Custom(func(rt *rapid.T) *modelCase { return (&otpDrawer{drawer: drawer{T: rt}}).scenario() })

// scenario draws a scenario, see scenarios.
func (d *otpDrawer) scenario() *modelCase {
	sc := &modelCase{root: d.supervisor("", 1)}
	m := newModel(sc.root)
	do := func(cmd command) (goOn bool) {
		m.performAll(cmd)
		if m.silent != "" || m.departed != "" && !d.comparable(m) {
			return false
		}
		sc.commands = append(sc.commands, cmd)
		return m.departed == "" && m.result.ended == ""
	}
	goOn := do(command{verb: "start"})
	for range d.number("steps", 4, 20) {
		if !goOn {
			return sc
		}
		if cmd, ok := d.command(m); ok {
			goOn = do(cmd)
		}
	}
	for goOn && m.held() != nil {
		goOn = do(command{verb: "let", path: m.held().path})
	}
	if goOn {
		do(command{verb: "stop"})
	}
	return sc
}

type otpDrawer struct {
	drawer
	chains       bool // draws scenarios under rest_for_one, in which no child is temporary or deleted
	keys, passes int
}

// maxPasses limits the time that a scenario takes.
const maxPasses = 2

// The windows are an hour, which no scenario lasts, and a few seconds, which a pass of
// ten exceeds and no other command does. OTP counts whole seconds.
var windows = []sup.Intensity{
	{Restarts: 3, Within: time.Hour}, {Restarts: 3, Within: time.Hour}, {Restarts: 1, Within: time.Hour},
	{Within: time.Hour}, {Restarts: 1, Within: shortWindow}, {Restarts: 2, Within: shortWindow},
}

const (
	shortWindow = 5 * time.Second
	longPass    = 10 * time.Second
)

func (d *otpDrawer) supervisor(id string, depth int) *branch {
	b := &branch{ID: id, Kind: aSupervisor, Intensity: choose(&d.drawer, "intensity", windows...)}
	b.Strategy = choose(&d.drawer, "strategy", sup.OneForOne, sup.OneForAll, sup.RestForOne)
	if d.chains {
		b.Strategy = sup.RestForOne
	}
	b.AutoShutdown = choose(&d.drawer, "auto", sup.AutoShutdownNever, sup.AutoShutdownNever, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	for i := range d.number("children", 1, 4) {
		b.Adopt(d.child(string(rune('a'+i)), b, depth))
	}
	return b
}

func (d *otpDrawer) child(id string, up *branch, depth int) (b *branch) {
	kinds := []scenario.Kind{aWorker, aWorker, aWorker, aKeyed}
	if depth < 4 {
		kinds = append(kinds, aSupervisor)
	}
	switch choose(&d.drawer, "kind", kinds...) {
	case aSupervisor:
		b = d.supervisor(id, depth+1)
	case aKeyed:
		b = &branch{ID: id, Kind: aKeyed, Intensity: choose(&d.drawer, "intensity", windows...)}
		each := d.worker("*", false)
		d.policy(each, b)
		b.Children = []*branch{each}
	default:
		b = d.worker(id, true)
	}
	d.policy(b, up)
	return b
}

func (d *otpDrawer) policy(b, up *branch) {
	b.Restart = choose(&d.drawer, "restart", sup.Permanent, sup.Transient, sup.Temporary)
	if b.Restart == sup.Temporary && d.chains && !up.IsSet() {
		b.Restart = sup.Transient
	}
	if b.Restart != sup.Permanent && up.AutoShutdown != sup.AutoShutdownNever {
		b.Significant = rapid.Bool().Draw(d.T, "significant")
	}
}

// worker draws the behaviour of a worker. A worker that stops slowly does so until it
// is released or killed, since Erlang's children have no third way that needs no clock.
func (d *otpDrawer) worker(id string, holds bool) *branch {
	b := &branch{ID: id}
	how := &b.Faults
	b.Shutdown = choose(&d.drawer, "shutdown", 0, 0, sup.Infinity, sup.Brutal, 10*time.Millisecond)
	switch b.Shutdown {
	case sup.Infinity:
		how.IgnoresStop = holds && d.number("deaf", 0, 3) > 0
	case 10 * time.Millisecond:
		how.Mute, b.Stuck = true, sup.StuckAbandon
	default:
		how.Badly = d.number("badly", 0, 5) == 5
	}
	switch d.number("manner", 0, 11) {
	case 3, 4, 5:
		how.Hold = d.attempts("hold")
	case 6:
		d.ignoring(b)
	case 7:
		d.failing(b)
	case 8, 9, 10: // a restart that fails slowly, while others may die
		how.Hold.From = d.number("from", 2, 3)
		how.Hold.To = how.Hold.From + d.number("more", 0, 1)
		how.Fail = []scenario.FailedStarts{{Attempts: how.Hold, How: choose(&d.drawer, "failHow", "error", "panic")}}
	case 11:
		d.ignoring(b)
		how.Hold = how.Ignore
	}
	if !holds {
		how.Hold = attempts{}
	}
	return b
}

func (d *otpDrawer) ignoring(b *branch) {
	how := &b.Faults
	if how.Ignore = d.attempts("ignore"); b.ID == "*" { // after a restart it would stay in OTP's set, without a pid
		how.Ignore.From = min(1, how.Ignore.To)
	}
}

func (d *otpDrawer) failing(b *branch) {
	if fail := d.attempts("fail"); fail.To > 0 {
		b.Faults.Fail = []scenario.FailedStarts{{Attempts: fail, How: choose(&d.drawer, "failHow", "error", "start", "panic")}}
	}
}

// command draws a command with a single sequence of effects. In OTP two concurrent
// effects come in either order.
func (d *otpDrawer) command(m *model) (command, bool) {
	if held := m.held(); held != nil {
		return d.meanwhile(m, held)
	}
	verbs := []string{"die", "die", "die", "die", "both", "both", "terminate", "restart", "delete", "add", "add", "remove"}
	if short(m.root.b) && d.passes < maxPasses {
		verbs = append(verbs, "pass")
	}
	stopped := d.nodes(m, func(n *node) bool { return n.held && n.state == sup.StateStopped })
	if len(stopped) > 0 && d.number("back", 0, 2) > 0 { // otherwise every round would depart (T4)
		return d.kept(command{verb: choose(&d.drawer, "verb", "restart", "restart", "delete"), path: d.one(stopped).path}, true)
	}
	switch verb := choose(&d.drawer, "verb", verbs...); verb {
	case "pass":
		d.passes++
		return command{verb: verb, time: longPass}, true
	case "die":
		return d.die(d.nodes(m, isDying))
	case "both":
		return d.both(m)
	case "add":
		return d.add(m)
	case "remove":
		members := d.nodes(m, func(n *node) bool { return n.up.b.IsSet() && n.state == sup.StateRunning })
		return command{verb: verb, path: d.one(members).path}, len(members) > 0
	default:
		children := d.nodes(m, func(n *node) bool { return !n.up.b.IsSet() })
		c := d.one(children)
		if d.number("known", 0, 9) == 9 {
			return command{verb: verb, path: scenario.Join(scenario.Parent(c.path), "zz")}, true
		}
		return d.kept(command{verb: verb, path: c.path}, true)
	}
}

// kept leaves out a delete of a child that others may need.
func (d *otpDrawer) kept(cmd command, ok bool) (command, bool) {
	return cmd, ok && !(d.chains && cmd.verb == "delete")
}

func isDying(n *node) bool { return n.b.Kind == aWorker && n.state == sup.StateRunning }

// both draws two siblings that die at once. If they restart side by side (R6), they
// must do nothing whose order matters. In the round of the first, nothing may fail
// before the second is known to have died.
func (d *otpDrawer) both(m *model) (command, bool) {
	dies := func(n *node) bool {
		if !isDying(n) || n.b.Significant || n.up.b.IsSet() {
			return false
		}
		if n.up.alone() {
			return n.b.Faults.String() == "" && len(n.up.counts)+2 <= bound(n.up.b.Intensity).Restarts
		}
		return !slices.ContainsFunc(n.up.kids, func(k *node) bool { return failsAtOnce(k.b) })
	}
	first := d.one(d.nodes(m, dies))
	if first.up == nil {
		return command{}, false
	}
	others := d.nodes(m, func(n *node) bool { return n != first && n.up == first.up && dies(n) })
	return command{verb: "both", path: first.path, arg: d.one(others).b.ID}, len(others) > 0
}

// failure returns the range of starts at which a worker fails. These scenarios have one
// range each.
func failure(b *branch) scenario.FailedStarts {
	if len(b.Faults.Fail) == 0 {
		return scenario.FailedStarts{}
	}
	return b.Faults.Fail[0]
}

// failsAtOnce reports whether anything in a branch may fail to start without being
// held.
func failsAtOnce(b *branch) bool {
	return failure(b).To > 0 && failure(b).Attempts != b.Faults.Hold || slices.ContainsFunc(b.Children, failsAtOnce)
}

// meanwhile draws an event that can occur while OTP's supervisor waits for a worker.
// The supervisor accepts no calls then. It learns of other deaths afterwards, or, in
// the stop of a round, at the child's turn (I5). Significant children may die too: the
// engine ends at once.
func (d *otpDrawer) meanwhile(m *model, held *node) (command, bool) {
	up := held.up
	let := command{verb: "let", path: held.path}
	waits := up.task != nil && (up.task.kind != starting || up == m.root && up.alone() && len(up.queue) == 0 && d.alone(m, held))
	dies := func(n *node) bool {
		return n.up == up && waits && isDying(n) && !n.b.Significant || isBeside(n, held)
	}
	if d.number("meanwhile", 0, 2) == 0 {
		return let, true
	}
	if cmd, ok := d.die(d.nodes(m, dies)); ok {
		return cmd, true
	}
	return let, true
}

// isBeside reports whether a worker of a supervisor other than the held worker's may
// die. That supervisor does not wait in OTP either. It only restarts the worker at
// once, or leaves it down.
func isBeside(n, held *node) bool {
	up := n.up
	if !isDying(n) || up == held.up || !up.alone() || up.state != sup.StateRunning || up.task != nil || n.b.Significant {
		return false
	}
	if n.b.Faults.String() != "" || len(up.counts) >= bound(up.b.Intensity).Restarts {
		return false
	}
	return !slices.ContainsFunc(up.kids, func(k *node) bool { return k.state == sup.StateStarting || k.state == sup.StateStopping })
}

// alone reports whether no other worker can be held, before Erlang's Start has returned
// or after.
func (d *otpDrawer) alone(m *model, held *node) bool {
	others := d.nodes(m, func(n *node) bool {
		how := n.b.Faults
		return how.IgnoresStop || how.Hold.To > 0 && n != held
	})
	return len(others) == 0
}

func (d *otpDrawer) die(workers []*node) (command, bool) {
	how := choose(&d.drawer, "how", "boom", "boom", "boom", "panic", "normal", "shutdown")
	return command{verb: "die", path: d.one(workers).path, arg: how}, len(workers) > 0
}

func (d *otpDrawer) add(m *model) (command, bool) {
	sups := d.nodes(m, func(n *node) bool { return n.b.Kind != aWorker && n.state == sup.StateRunning })
	s := d.one(append(sups, m.root))
	cmd := command{verb: "add", path: s.path}
	if s.b.IsSet() { // in OTP members have no names, so a member that comes back is another
		d.keys++
		cmd.spec = member(s.b, "k"+string(rune('0'+d.keys%10)))
		return cmd, d.keys < 10
	}
	switch id := choose(&d.drawer, "id", "x", "y", "a"); id {
	case "a": // mostly taken, perhaps by a child of another kind
		cmd.spec = d.worker(id, true)
		d.policy(cmd.spec, s.b)
	default:
		cmd.spec = d.child(id, s.b, 3)
	}
	if d.number("in vain", 0, 3) == 3 { // the call fails (O1), and the next with this id may not
		vain := cmd.spec
		for len(vain.Children) > 0 && !vain.IsSet() {
			vain = vain.Children[len(vain.Children)-1]
		}
		if !vain.IsSet() {
			vain.Faults.Ignore = attempts{}
			vain.Faults.Fail = []scenario.FailedStarts{{
				Attempts: attempts{From: 1, To: 1 + d.number("more", 0, 1)},
				How:      choose(&d.drawer, "failHow", "error", "start", "panic"),
			}}
		}
	}
	return cmd, true
}

// nodes returns the existing children that satisfy the condition.
func (d *otpDrawer) nodes(m *model, will func(*node) bool) (nodes []*node) {
	m.root.all(func(n *node) {
		if n.up != nil && will(n) {
			nodes = append(nodes, n)
		}
	})
	return nodes
}

func (d *otpDrawer) one(nodes []*node) *node {
	if len(nodes) == 0 {
		return newNode(&branch{}, nil)
	}
	return nodes[d.number("which", 0, len(nodes)-1)]
}

// short reports whether a tree has a short window.
func short(b *branch) bool {
	return b.Intensity.Within == shortWindow || slices.ContainsFunc(b.Children, short)
}

// comparable reports whether the trace of a step that departs from OTP can be
// distinguished from OTP's. A revived child must start again and do nothing else.
func (d *otpDrawer) comparable(m *model) bool {
	dep := m.departure()
	if dep.delta == deltaN2 && m.gaveUp.b.Significant { // OTP's supervisor ends then
		return false
	}
	good := m.held() == nil
	m.root.all(func(n *node) {
		for _, path := range dep.held {
			if n.path == path || strings.HasPrefix(n.path, path+"/") {
				how := n.b.Faults
				good = good && n.b.Kind == aWorker && len(how.Fail) == 0 && how.Ignore.To == 0 && how.Hold.To == 0 && !how.IgnoresStop && !how.Mute
			}
		}
	})
	return good
}
