package main

import (
	"context"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
)

// An Operator restarts plugins that are quarantined. Before, it records the reason and
// installs a corrupt binary again. It gives up after three failed starts in a row.
type Operator struct {
	service  *service
	failures map[string]int // failed starts in a row, by the name of the plugin
}

const (
	checkInterval = 250 * time.Millisecond // between two checks
	maxAttempts   = 3
)

// Run checks the plugins until ctx ends.
func (o *Operator) Run(ctx context.Context) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, kind := range content.Kinds {
			if err := o.check(ctx, o.service.pools[kind]); err != nil {
				return err
			}
		}
	}
}

// check restarts the quarantined plugins of a kind. It returns an error if the disk
// fails.
func (o *Operator) check(ctx context.Context, p *pool) error {
	down, last := 0, error(nil)
	for i, child := range p.children() {
		name := p.name(i)
		// A plugin is stopped after a failed restart. If there was none, a person has
		// stopped it through supctl or the page.
		ours := child.State == sup.StateQuarantined || child.State == sup.StateStopped && o.failures[name] > 0
		if !ours {
			o.failures[name] = 0
			continue
		}
		if o.failures[name] >= maxAttempts {
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
		p.unavailable.Store(nil)
		return nil
	}
	err := fmt.Errorf("%s plugins: none can be started: %w", p.kind, last)
	p.unavailable.Store(&err)
	return nil
}

// repair installs a binary again if it is corrupt.
func (o *Operator) repair(binary string) error {
	intact, err := o.service.binaries.intact(binary)
	if err != nil || intact {
		return err
	}
	o.service.journal.note("operator: installed the corrupt binary %s again", binary)
	return o.service.binaries.install(binary)
}
