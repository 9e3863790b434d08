package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/plugin"
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

// newPlan is what the chaos does. It depends on nothing but the seed. Each blow is
// dealt, and does not cover up another: what is stopped is not corrupted too,
// and what is replaced is stopped only after that.
func newPlan(seed uint64) []strike {
	dice := rand.New(rand.NewPCG(seed, 1))
	var plan []strike
	add := func(b blow, kind content.Kind, from, to int) {
		plan = append(plan, strike{at: from + dice.IntN(to-from), blow: b, kind: kind, dice: dice.Uint64()})
	}
	others := slices.DeleteFunc(slices.Clone(content.Kinds), func(k content.Kind) bool { return k == upgraded })
	dice.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	add(corrupts, others[0], 0, planned*9/10)
	add(stops, others[1], 0, planned*9/10)
	add(botches, upgraded, 0, planned/4)
	add(upgrades, upgraded, planned/4, planned/2)
	add(stops, upgraded, planned/2, planned*9/10)
	for range 10 {
		add(kills, content.Kinds[dice.IntN(len(content.Kinds))], 0, planned*9/10)
	}
	slices.SortStableFunc(plan, func(a, b strike) int { return a.at - b.at })
	return append(plan, strike{at: planned, blow: waits})
}

// A Chaos strikes when the walk tells it to.
type Chaos struct {
	host    *Host
	service *service
	struck  []int // processes, once each
	stopped []int // of those; they are left to be found
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
		live := c.victims(ctx, p)
		if len(live) == 0 {
			note("chaos: no %s plugin is up that could be struck", s.kind)
			return nil
		}
		victim := live[s.dice%uint64(len(live))]
		c.struck = append(c.struck, victim.pid)
		did := "killed"
		if s.blow == stops {
			did = "stopped"
			c.stopped = append(c.stopped, victim.pid)
			stop(victim.pid)
		} else {
			kill(victim.pid)
		}
		note("chaos: %s %s (pid %d)", did, p.name(victim.replica), victim.pid)
		return nil
	case corrupts:
		binary := p.binary()
		if err := c.service.binaries.corrupt(binary); err != nil {
			return err
		}
		note("chaos: corrupted the binary %s, and killed all that run it", binary)
		for _, victim := range p.live() {
			kill(victim.pid)
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

// victims returns the plugins of a kind that are live, and have not been struck
// already. When there are none, because they are about to come back, it waits
// for a while.
func (c *Chaos) victims(ctx context.Context, p *pool) []process {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		live := slices.DeleteFunc(p.live(), func(l process) bool { return slices.Contains(c.struck, l.pid) })
		if len(live) > 0 {
			return live
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// botch tries to upgrade to a binary that is corrupt: what runs must stay.
func (c *Chaos) botch(ctx context.Context, p *pool) error {
	const botched = "botched"
	if err := c.service.binaries.corruptAs(newVersion, botched); err != nil {
		return err
	}
	err := p.replace(ctx, 0, botched, c.service.binaries.path(botched))
	if err == nil {
		return fmt.Errorf("%s was replaced with a corrupt binary", p.name(0))
	}
	if _, ok := errors.AsType[*plugin.StartError](err); !ok {
		c.service.journal.note("chaos: %s could not be replaced with a corrupt binary: %v", p.name(0), err)
		return nil
	}
	c.service.journal.note("chaos: tried to replace %s with a corrupt binary; it stayed", p.name(0))
	return nil
}

// upgrade replaces all plugins of a kind, one after the other. One that is down
// starts as the new version when it does.
func (c *Chaos) upgrade(ctx context.Context, p *pool) error {
	path := c.service.binaries.path(newVersion)
	if err := p.use(newVersion, path); err != nil {
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
		for exists(pid) {
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
