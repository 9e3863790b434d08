package sup_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/sup"
)

// drawCase makes a random tree and then, one after the other, commands that
// make sense in the state that the model is in.
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
	for range d.number("steps", 0, 12) {
		if cmd, ok := d.command(m); ok && m.silent == "" {
			do(cmd)
		}
	}
	if m.silent == "" {
		do(command{verb: "stop"})
	}
	return sc
}

type drawer struct {
	*rapid.T
	made int // branches so far
}

func (d *drawer) number(what string, from, to int) int {
	return rapid.IntRange(from, to).Draw(d.T, what)
}

func choose[T any](d *drawer, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(d.T, what)
}

func (d *drawer) root() *branch {
	b := &branch{kind: aSupervisor}
	b.strategy = choose(d, "strategy", sup.OneForOne, sup.OneForAll, sup.RestForOne)
	b.intensity = choose(d, "intensity", sup.DefaultIntensity, sup.Intensity{Within: time.Second}, sup.Intensity{Restarts: 1, Within: 2 * time.Second}, sup.Unlimited)
	for i := range d.number("children", 1, 4) {
		b.children = append(b.children, d.worker(string(rune('a'+i))))
	}
	return b
}

func (d *drawer) worker(id string) *branch {
	d.made++
	return &branch{
		id:      id,
		restart: choose(d, "restart", sup.Permanent, sup.Transient, sup.Temporary),
	}
}

// command draws a command; false if what it drew makes no sense.
func (d *drawer) command(m *model) (command, bool) {
	if m.root.state == sup.Stopped {
		return command{}, false
	}
	var nodes []*node
	m.root.all(func(n *node) { nodes = append(nodes, n) })
	nodes = nodes[1:]
	verb := choose(d, "verb", "die", "die", "die", "pass", "terminate", "restart", "delete")
	if verb == "pass" {
		return command{verb: verb, time: choose(d, "time", 100*time.Millisecond, time.Second, 2*time.Second, 5*time.Second)}, true
	}
	if len(nodes) == 0 {
		return command{}, false
	}
	c := choose(d, "child", nodes...)
	cmd := command{verb: verb, path: c.path}
	if verb == "die" {
		cmd.arg = choose(d, "how", "boom", "normal", "shutdown", "panic", "goexit", "canceled")
		return cmd, c.b.kind == aWorker && c.state == sup.Running
	}
	return cmd, true
}
