package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// A strike is one thing that the chaos does to plugins.
type strike struct {
	at   int // how far the walk is then, in thousandths
	blow blow
	kind content.Kind
	dice uint64 // picks the replica
}

// planned is the length of the walk, in the unit of the plan.
const planned = 1000

type blow int

const (
	kills    blow = iota // SIGKILL to the process
	stops                // SIGSTOP: it is there, and does nothing
	corrupts             // cuts its binary on disk in half, and kills all that run it
	botches              // tries to replace it with a binary that is corrupt
	upgrades             // replaces all of the kind with a new version, while they work
	waits                // until those that it has stopped were found, and ended
)

// newPlan is what the chaos does. It depends on nothing but the seed. Each blow
// is dealt; upgrades and botches to the kind that there is a new version of.
func newPlan(seed uint64) []strike {
	dice := rand.New(rand.NewPCG(seed, 1))
	blows := []blow{corrupts, botches, upgrades, stops, stops}
	for range 10 {
		blows = append(blows, kills)
	}
	plan := make([]strike, len(blows))
	for i, b := range blows {
		kind := content.Kinds[dice.IntN(len(content.Kinds))]
		if b == botches || b == upgrades {
			kind = upgraded
		}
		plan[i] = strike{at: dice.IntN(planned * 9 / 10), blow: b, kind: kind, dice: dice.Uint64()}
	}
	slices.SortStableFunc(plan, func(a, b strike) int { return a.at - b.at })
	return append(plan, strike{at: planned, blow: waits})
}

// A Chaos strikes when the walk tells it to.
type Chaos struct {
	host    *Host
	service *service
	stopped []int // processes; they are left to be found
}

// Run never ends by itself.
func (c *Chaos) Run(ctx context.Context) error {
	return c.host.Strikes.Process(ctx, func(ctx context.Context, due mailbox.Call[strike, struct{}]) error {
		if err := c.strike(ctx, due.Request); err != nil {
			return err
		}
		due.Reply(struct{}{})
		return nil
	}, mailbox.Policy[mailbox.Call[strike, struct{}]]{})
}

func (c *Chaos) strike(ctx context.Context, s strike) error {
	p, note := c.service.pools[s.kind], c.service.journal.note // of waits there is no kind
	switch s.blow {
	case kills, stops:
		sig, did := syscall.SIGKILL, "killed"
		if s.blow == stops {
			sig, did = syscall.SIGSTOP, "stopped"
		}
		live := slices.DeleteFunc(p.live(), func(l process) bool { return slices.Contains(c.stopped, l.pid) })
		if len(live) == 0 {
			note("chaos: no %s plugin is up that could be %s", s.kind, did)
			return nil
		}
		victim := live[s.dice%uint64(len(live))]
		if s.blow == stops {
			c.stopped = append(c.stopped, victim.pid)
		}
		c.signal(victim, sig)
		note("chaos: %s %s (pid %d)", did, p.name(victim.replica), victim.pid)
		return nil
	case corrupts:
		binary := p.installed()
		if err := c.service.binaries.corrupt(binary); err != nil {
			return err
		}
		note("chaos: corrupted the binary %s, and killed all that run it", binary)
		for _, victim := range p.live() {
			c.signal(victim, syscall.SIGKILL)
		}
		return nil
	case botches:
		return c.botch(ctx, p)
	case upgrades:
		return c.upgrade(ctx, p)
	case waits:
		return c.wait(ctx)
	}
	return fmt.Errorf("there is no blow of number %d", s.blow)
}

// signal sends a signal to a plugin. That it has gone meanwhile is as good.
func (c *Chaos) signal(victim process, sig syscall.Signal) { _ = syscall.Kill(victim.pid, sig) }

// botch tries to upgrade to a binary that is corrupt: what runs must stay.
func (c *Chaos) botch(ctx context.Context, p *pool) error {
	const botched = "botched"
	if err := c.service.binaries.corruptAs(newVersion, botched); err != nil {
		return err
	}
	if err := p.replace(ctx, 0, botched, c.service.binaries.path(botched)); err == nil {
		return fmt.Errorf("%s was replaced with a corrupt binary", p.name(0))
	}
	c.service.journal.note("chaos: tried to replace %s with a corrupt binary; it stayed", p.name(0))
	return nil
}

// upgrade replaces all plugins of a kind, one after the other. One that is down
// starts as the new version when it does.
func (c *Chaos) upgrade(ctx context.Context, p *pool) error {
	path := c.service.binaries.path(newVersion)
	if err := p.install(newVersion, path); err != nil {
		return err
	}
	replaced := 0
	for _, old := range p.live() {
		if err := p.replace(ctx, old.replica, newVersion, path); err == nil {
			replaced++
		}
	}
	c.service.journal.note("chaos: replaced %d of %s with %s while they worked", replaced, p.kind, newVersion)
	return nil
}

// wait waits until nothing is left of the processes that were stopped.
func (c *Chaos) wait(ctx context.Context) error {
	for _, pid := range c.stopped {
		for syscall.Kill(pid, 0) == nil {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		c.service.journal.note("chaos: the stopped process %d was found, and ended", pid)
	}
	return nil
}
