package main

import (
	"context"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
)

// An Operator looks after plugins that are quarantined, as a person would: it
// notes why, puts the original in place of a binary that is corrupt, and starts
// the plugin again. What does not start three times in a row stays down.
type Operator struct {
	service  *service
	failures map[string]int // in a row, by the name of the plugin
}

const (
	round    = 250 * time.Millisecond // between two looks
	attempts = 3
)

// Run never ends by itself.
func (o *Operator) Run(ctx context.Context) error {
	turn := time.NewTicker(round)
	defer turn.Stop()
	for {
		select {
		case <-turn.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, kind := range content.Kinds {
			if err := o.look(ctx, o.service.pools[kind]); err != nil {
				return err
			}
		}
	}
}

// look looks after the plugins of a kind. The error is about the disk: nothing
// can be done then.
func (o *Operator) look(ctx context.Context, p *pool) error {
	down, last := 0, error(nil)
	for i, child := range p.children() {
		name := p.name(i)
		// Where a restart has failed it is stopped. Else somebody has stopped it,
		// who will know why.
		ours := child.State == sup.StateQuarantined || child.State == sup.StateStopped && o.failures[name] > 0
		if !ours {
			o.failures[name] = 0
			continue
		}
		if o.failures[name] >= attempts {
			down, last = down+1, child.LastExit.Err
			continue
		}
		if o.failures[name] == 0 {
			o.service.journal.quarantine(name, child.LastExit.Err)
		}
		if err := o.repair(p.binary()); err != nil {
			return err
		}
		if err := p.restart(ctx, i); err != nil {
			o.failures[name]++
			continue
		}
		o.service.journal.note("operator: restarted %s", name)
	}
	if down < o.service.replicas {
		p.lost.Store(nil)
		return nil
	}
	err := fmt.Errorf("no %s plugin can be started: %w", p.kind, last)
	p.lost.Store(&err)
	return nil
}

// repair installs a binary anew if it is not what it should be.
func (o *Operator) repair(binary string) error {
	intact, err := o.service.binaries.intact(binary)
	if err != nil || intact {
		return err
	}
	o.service.journal.note("operator: the binary %s is corrupt; installed it again", binary)
	return o.service.binaries.install(binary)
}
