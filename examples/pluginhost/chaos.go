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

// A fault is one fault that the chaos injects.
type fault struct {
	at     int // the progress of the walk, in thousandths
	what   faultKind
	kind   content.Kind
	random uint64 // selects the replica
}

// planLength is the progress at the end of the walk.
const planLength = 1000

type faultKind int

const (
	faultKill       faultKind = iota // kill a process
	faultStop                        // stop a process, which then hangs
	faultCorrupt                     // truncate a binary on disk, and kill all its processes
	faultBadUpgrade                  // try an upgrade to a corrupt binary
	faultUpgrade                     // upgrade all plugins of the kind while they work
	awaitStopped                     // not a fault: wait for the end of the stopped processes
)

// newPlan returns the faults to inject, which depend on the seed only. No fault hides
// another one: a kind that is stopped is not corrupted too, and the upgraded kind is
// stopped only after its upgrade.
func newPlan(seed uint64) []fault {
	dice := rand.New(rand.NewPCG(seed, 1))
	var plan []fault
	add := func(b faultKind, kind content.Kind, from, to int) {
		plan = append(plan, fault{at: from + dice.IntN(to-from), what: b, kind: kind, random: dice.Uint64()})
	}
	others := slices.DeleteFunc(slices.Clone(content.Kinds), func(k content.Kind) bool { return k == upgraded })
	dice.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	add(faultCorrupt, others[0], 0, planLength*9/10)
	add(faultStop, others[1], 0, planLength*9/10)
	add(faultBadUpgrade, upgraded, 0, planLength/4)
	add(faultUpgrade, upgraded, planLength/4, planLength/2)
	add(faultStop, upgraded, planLength/2, planLength*9/10)
	for range 10 {
		add(faultKill, content.Kinds[dice.IntN(len(content.Kinds))], 0, planLength*9/10)
	}
	slices.SortStableFunc(plan, func(a, b fault) int { return a.at - b.at })
	return append(plan, fault{at: planLength, what: awaitStopped})
}

// A Chaos injects the faults that the walk sends.
type Chaos struct {
	host    *Host
	service *service
	hit     []int // process ids; none is hit twice
	stopped []int // process ids; the liveness checks find them
}

// Run injects faults until ctx ends.
func (c *Chaos) Run(ctx context.Context) error {
	return c.host.Faults.Process(ctx, func(ctx context.Context, due mailbox.Call[fault, struct{}]) error {
		if err := c.inject(ctx, due.Request); err != nil {
			return err
		}
		due.Reply(struct{}{})
		return nil
	}, mailbox.Policy[mailbox.Call[fault, struct{}]]{})
}

func (c *Chaos) inject(ctx context.Context, s fault) error {
	p, note := c.service.pools[s.kind], c.service.journal.note // awaitStopped has no kind
	switch s.what {
	case faultKill, faultStop:
		live := c.victims(ctx, p)
		if len(live) == 0 {
			note("chaos: no live %s plugin to kill or stop", s.kind)
			return nil
		}
		victim := live[s.random%uint64(len(live))]
		c.hit = append(c.hit, victim.pid)
		did := "killed"
		if s.what == faultStop {
			did = "stopped"
			c.stopped = append(c.stopped, victim.pid)
			stop(victim.pid)
		} else {
			kill(victim.pid)
		}
		note("chaos: %s %s (pid %d)", did, p.name(victim.replica), victim.pid)
		return nil
	case faultCorrupt:
		binary := p.binary()
		if err := c.service.binaries.corrupt(binary); err != nil {
			return err
		}
		note("chaos: corrupted the binary %s and killed its processes", binary)
		for _, victim := range p.live() {
			kill(victim.pid)
		}
		return nil
	case faultBadUpgrade:
		return c.badUpgrade(ctx, p)
	case faultUpgrade:
		return c.upgrade(ctx, p)
	case awaitStopped:
		return c.awaitStopped(ctx)
	}
	return fmt.Errorf("unknown fault %d", s.what)
}

// victims returns the live plugins of a kind that have not been hit. If there are none,
// because they are restarting, it waits for some time.
func (c *Chaos) victims(ctx context.Context, p *pool) []process {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		live := slices.DeleteFunc(p.live(), func(l process) bool { return slices.Contains(c.hit, l.pid) })
		if len(live) > 0 {
			return live
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// badUpgrade tries an upgrade to a corrupt binary, which must fail.
func (c *Chaos) badUpgrade(ctx context.Context, p *pool) error {
	const corrupt = "corrupt"
	if err := c.service.binaries.corruptAs(newVersion, corrupt); err != nil {
		return err
	}
	err := p.replace(ctx, 0, corrupt, c.service.binaries.path(corrupt))
	if err == nil {
		return fmt.Errorf("%s: upgrade to a corrupt binary succeeded", p.name(0))
	}
	if _, ok := errors.AsType[*plugin.StartError](err); !ok {
		c.service.journal.note("chaos: upgrade of %s to a corrupt binary failed: %v", p.name(0), err)
		return nil
	}
	c.service.journal.note("chaos: upgrade of %s to a corrupt binary failed; the old version continues", p.name(0))
	return nil
}

// upgrade replaces all live plugins of a kind, one after the other. The others start with
// the new version.
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
	c.service.journal.note("chaos: upgraded %d %s plugins to %s while they worked", replaced, p.kind, newVersion)
	return nil
}

// awaitStopped waits until the stopped processes have been killed.
func (c *Chaos) awaitStopped(ctx context.Context) error {
	for _, pid := range c.stopped {
		for exists(pid) {
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		c.service.journal.note("chaos: stopped process %d was detected and killed", pid)
	}
	return nil
}
