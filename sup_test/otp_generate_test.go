package sup_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/sup"
)

// scenarios are random ones of what OTP has too. The model says in which state
// the tree is, so that the commands make sense, and where the contract leaves
// open what follows or departs from OTP: there a scenario ends.
var scenarios = rapid.Custom(func(rt *rapid.T) *modelCase {
	d := &otpDrawer{drawer: drawer{T: rt}}
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
})

type otpDrawer struct {
	drawer
	keys, passes int
}

// maxPasses bounds the time that a scenario takes.
const maxPasses = 2

// windows: an hour, which no scenario lasts, and some seconds, which are over
// after a pass of ten and which no other command lasts. OTP counts whole seconds.
var windows = []sup.Intensity{
	{Restarts: 3, Within: time.Hour}, {Restarts: 3, Within: time.Hour}, {Restarts: 1, Within: time.Hour},
	{Within: time.Hour}, {Restarts: 1, Within: shortWindow}, {Restarts: 2, Within: shortWindow},
}

const (
	shortWindow = 5 * time.Second
	longPass    = 10 * time.Second
)

func (d *otpDrawer) supervisor(id string, depth int) *branch {
	b := &branch{id: id, kind: aSupervisor, intensity: choose(&d.drawer, "intensity", windows...)}
	b.strategy = choose(&d.drawer, "strategy", sup.OneForOne, sup.OneForAll, sup.RestForOne)
	b.auto = choose(&d.drawer, "auto", sup.AutoShutdownNever, sup.AutoShutdownNever, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	for i := range d.number("children", 1, 4) {
		b.children = append(b.children, d.child(string(rune('a'+i)), b, depth))
	}
	return b
}

func (d *otpDrawer) child(id string, up *branch, depth int) (b *branch) {
	kinds := []branchKind{aWorker, aWorker, aWorker, aKeyed}
	if depth < 4 {
		kinds = append(kinds, aSupervisor)
	}
	switch choose(&d.drawer, "kind", kinds...) {
	case aSupervisor:
		b = d.supervisor(id, depth+1)
	case aKeyed:
		b = &branch{id: id, kind: aKeyed, intensity: choose(&d.drawer, "intensity", windows...)}
		each := d.worker("*", false)
		d.policy(each, b)
		b.children = []*branch{each}
	default:
		b = d.worker(id, true)
	}
	d.policy(b, up)
	return b
}

func (d *otpDrawer) policy(b, up *branch) {
	b.restart = choose(&d.drawer, "restart", sup.Permanent, sup.Transient, sup.Temporary)
	if b.restart != sup.Permanent && up.auto != sup.AutoShutdownNever {
		b.significant = rapid.Bool().Draw(d.T, "significant")
	}
}

// worker draws how a worker behaves. One that stops slowly does so until it is
// let, or is killed; Erlang's children have no third way that needs no clock.
func (d *otpDrawer) worker(id string, holds bool) *branch {
	b := &branch{id: id}
	how := &b.manner
	b.shutdown = choose(&d.drawer, "shutdown", 0, 0, sup.Infinity, sup.Brutal, 10*time.Millisecond)
	switch b.shutdown {
	case sup.Infinity:
		how.deaf = holds && d.number("deaf", 0, 3) > 0
	case 10 * time.Millisecond:
		how.mute, b.stuck = true, sup.StuckAbandon
	default:
		how.badly = d.number("badly", 0, 5) == 5
	}
	switch d.number("manner", 0, 11) {
	case 3, 4, 5:
		how.hold = d.attempts("hold")
	case 6:
		d.ignoring(b)
	case 7:
		d.failing(b)
	case 8, 9, 10: // a restart that fails slowly, and others may die meanwhile
		how.fail.from = d.number("from", 2, 3)
		how.fail.to = how.fail.from + d.number("more", 0, 1)
		how.failHow = choose(&d.drawer, "failHow", "error", "panic")
		how.hold = how.fail
	case 11:
		d.ignoring(b)
		how.hold = how.ignore
	}
	if !holds {
		how.hold = attempts{}
	}
	return b
}

func (d *otpDrawer) ignoring(b *branch) {
	how := &b.manner
	if how.ignore = d.attempts("ignore"); b.id == "*" { // restarted, it would stay in OTP's set, without a pid
		how.ignore.from = min(1, how.ignore.to)
	}
}

func (d *otpDrawer) failing(b *branch) {
	if b.manner.fail = d.attempts("fail"); b.manner.fail.to > 0 {
		b.manner.failHow = choose(&d.drawer, "failHow", "error", "start", "panic")
	}
}

// command draws a command that leads to one thing after the other. Two that
// happen at once come in either order in OTP.
func (d *otpDrawer) command(m *model) (command, bool) {
	if held := m.held(); held != nil {
		return d.meanwhile(m, held)
	}
	verbs := []string{"die", "die", "die", "die", "both", "both", "terminate", "restart", "delete", "add", "add", "remove"}
	if short(m.root.b) && d.passes < maxPasses {
		verbs = append(verbs, "pass")
	}
	stopped := d.nodes(m, func(n *node) bool { return n.held && n.state == sup.StateStopped })
	if len(stopped) > 0 && d.number("back", 0, 2) > 0 { // or every round would depart (T4)
		return command{verb: choose(&d.drawer, "verb", "restart", "restart", "delete"), path: d.one(stopped).path}, true
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
		members := d.nodes(m, func(n *node) bool { return n.up.b.set() && n.state == sup.StateRunning })
		return command{verb: verb, path: d.one(members).path}, len(members) > 0
	default:
		children := d.nodes(m, func(n *node) bool { return !n.up.b.set() })
		c := d.one(children)
		if d.number("known", 0, 9) == 9 {
			return command{verb: verb, path: join(parentOf(c.path), "zz")}, true
		}
		return command{verb: verb, path: c.path}, true
	}
}

func isDying(n *node) bool { return n.b.kind == aWorker && n.state == sup.StateRunning }

// both draws two siblings that die at once. Restarted side by side (R6), they must
// do nothing whose order matters; and in the round of the first nothing may fail
// before the second is known to have died.
func (d *otpDrawer) both(m *model) (command, bool) {
	dies := func(n *node) bool {
		if !isDying(n) || n.b.significant || n.up.b.set() {
			return false
		}
		if n.up.alone() {
			return n.b.manner == manner{} && len(n.up.counts)+2 <= bound(n.up.b.intensity).Restarts
		}
		return !slices.ContainsFunc(n.up.kids, func(k *node) bool { return k.b.failsAtOnce() })
	}
	first := d.one(d.nodes(m, dies))
	if first.up == nil {
		return command{}, false
	}
	others := d.nodes(m, func(n *node) bool { return n != first && n.up == first.up && dies(n) })
	return command{verb: "both", path: first.path, arg: d.one(others).b.id}, len(others) > 0
}

// failsAtOnce reports whether something in a branch may fail to start without being
// held.
func (b *branch) failsAtOnce() bool {
	return b.manner.fail.to > 0 && b.manner.fail != b.manner.hold || slices.ContainsFunc(b.children, (*branch).failsAtOnce)
}

// meanwhile draws what can happen while OTP's supervisor waits for a worker: it
// takes no calls then, and that others die it learns afterwards, or, in the stop
// of a round, when it comes to them (I5). Of significant ones too; ours ends at
// once.
func (d *otpDrawer) meanwhile(m *model, held *node) (command, bool) {
	up := held.up
	let := command{verb: "let", path: held.path}
	waits := up.task != nil && (up.task.kind != starting || up == m.root && up.alone() && len(up.queue) == 0 && d.alone(m, held))
	dies := func(n *node) bool {
		return n.up == up && waits && isDying(n) && !n.b.significant || isBeside(n, held)
	}
	if d.number("meanwhile", 0, 2) == 0 {
		return let, true
	}
	if cmd, ok := d.die(d.nodes(m, dies)); ok {
		return cmd, true
	}
	return let, true
}

// isBeside reports that a worker of another supervisor than the held one's may die:
// that supervisor waits for nothing, in OTP either, and does nothing but restart
// the worker, at once, or let it rest.
func isBeside(n, held *node) bool {
	up := n.up
	if !isDying(n) || up == held.up || !up.alone() || up.state != sup.StateRunning || up.task != nil || n.b.significant {
		return false
	}
	if n.b.manner != (manner{}) || len(up.counts) >= bound(up.b.intensity).Restarts {
		return false
	}
	return !slices.ContainsFunc(up.kids, func(k *node) bool { return k.state == sup.StateStarting || k.state == sup.StateStopping })
}

// alone reports that no other worker can be held, before Erlang's Start has
// answered or after.
func (d *otpDrawer) alone(m *model, held *node) bool {
	others := d.nodes(m, func(n *node) bool {
		how := n.b.manner
		return how.deaf || how.hold.to > 0 && n != held
	})
	return len(others) == 0
}

func (d *otpDrawer) die(workers []*node) (command, bool) {
	how := choose(&d.drawer, "how", "boom", "boom", "boom", "panic", "normal", "shutdown")
	return command{verb: "die", path: d.one(workers).path, arg: how}, len(workers) > 0
}

func (d *otpDrawer) add(m *model) (command, bool) {
	sups := d.nodes(m, func(n *node) bool { return n.b.kind != aWorker && n.state == sup.StateRunning })
	s := d.one(append(sups, m.root))
	cmd := command{verb: "add", path: s.path}
	if s.b.set() { // in OTP they have no names: one that comes back is another
		d.keys++
		cmd.spec = s.b.member("k" + string(rune('0'+d.keys%10)))
		return cmd, d.keys < 10
	}
	switch id := choose(&d.drawer, "id", "x", "y", "a"); id {
	case "a": // mostly taken, by a child of perhaps another kind
		cmd.spec = d.worker(id, true)
		d.policy(cmd.spec, s.b)
	default:
		cmd.spec = d.child(id, s.b, 3)
	}
	if d.number("in vain", 0, 3) == 3 { // the call fails (O1), and the next with this id, perhaps, not
		vain := cmd.spec
		for len(vain.children) > 0 && !vain.set() {
			vain = vain.children[len(vain.children)-1]
		}
		if !vain.set() {
			vain.manner.ignore = attempts{}
			vain.manner.fail = attempts{1, 1 + d.number("more", 0, 1)}
			vain.manner.failHow = choose(&d.drawer, "failHow", "error", "start", "panic")
		}
	}
	return cmd, true
}

// nodes returns the children that are there and that will do.
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

// short reports whether there is a short window in a tree.
func short(b *branch) bool {
	return b.intensity.Within == shortWindow || slices.ContainsFunc(b.children, short)
}

// comparable reports whether the trace of a step that departs from OTP can be
// told from OTP's: one that is revived must start again and do nothing else.
func (d *otpDrawer) comparable(m *model) bool {
	dep := m.departure()
	if dep.delta == deltaN2 && m.gaveUp.b.significant { // OTP's supervisor ends then
		return false
	}
	good := m.held() == nil
	m.root.all(func(n *node) {
		for _, path := range dep.held {
			if n.path == path || strings.HasPrefix(n.path, path+"/") {
				how := n.b.manner
				good = good && n.b.kind == aWorker && how.fail.to == 0 && how.ignore.to == 0 && how.hold.to == 0 && !how.deaf && !how.mute
			}
		}
	})
	return good
}
