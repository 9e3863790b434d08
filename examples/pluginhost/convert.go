package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// verdict is what the error of a call says about the file.
type verdict int

const (
	// innocent: the plugin was killed, or hung, or replaced. It had nothing to
	// do with the file.
	innocent verdict = iota
	// suspect: the plugin has failed by itself, or has not answered in time.
	// Maybe it was this file; maybe another one that it had at the same time.
	suspect
	// answered: the plugin says that there is something wrong with the file.
	answered
	// down: there was no plugin to call.
	down
)

func judge(err error) verdict {
	if _, none := errors.AsType[*plugin.UnavailableError](err); none {
		return down
	}
	if died, ok := errors.AsType[*plugin.DiedError](err); ok {
		exit, itself := died.Cause.(*proc.ExitError)
		if itself && exit.Signal == 0 {
			return suspect
		}
		return innocent
	}
	if _, ok := content.Answer(err); ok {
		return answered
	}
	return suspect
}

// trials is how often a plugin that has nothing else to do must fail with a
// file for the file to be refused.
const trials = 2

// patience is how often the plugin that has a file may be killed before the file
// is tried alone, and then, before it is refused: what kills it may be the
// system, for what the file makes it do.
const patience = 10

// pause is how long a desk waits for plugins of which none is up.
const pause = 20 * time.Millisecond

// convert has a file converted, whatever becomes of the plugins meanwhile. The
// error is that of ctx.
//
// A plugin that dies takes all calls with it that it is at. So a file that was
// with one is tried again alone, while no plugin of its kind has another, before
// it is held to be the cause.
func (s *service) convert(ctx context.Context, p *pool, f *content.File) (*content.Result, error) {
	alone, failures, killed := false, 0, 0
	for {
		result, err := s.attempt(ctx, p, f, alone)
		if err == nil {
			return result, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		switch judge(err) {
		case answered:
			text, _ := content.Answer(err)
			return refusal(text, false), nil
		case suspect:
			if alone {
				failures++
			}
			if failures == trials {
				return refusal(reasonOf(err), true), nil
			}
			alone = true
		case innocent:
			killed++
			if killed == 2*patience {
				return refusal(reasonOf(err), true), nil
			}
			alone = alone || killed >= patience
		case down:
			if lost := p.lost.Load(); lost != nil {
				return refusal((*lost).Error(), false), nil
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
}

// attempt calls a plugin with a file.
func (s *service) attempt(ctx context.Context, p *pool, f *content.File, alone bool) (*content.Result, error) {
	share, opts := int64(1), []plugin.Option{plugin.Idempotent()}
	if alone {
		share, opts = math.MaxInt64, nil // each death counts
	}
	if err := p.calls.Acquire(ctx, share); err != nil {
		return nil, err
	}
	defer p.calls.Release(share)
	bound, cancel := context.WithTimeoutCause(ctx, s.timeout, errTooSlow)
	defer cancel()
	begin := time.Now()
	result, err := p.convert(bound, f, opts...)
	switch {
	case err == nil:
		p.meter.count(time.Since(begin))
	case context.Cause(bound) == errTooSlow:
		err = fmt.Errorf("%w: %w", errTooSlow, err)
	}
	return result, err
}

var errTooSlow = errors.New("no plugin has answered in time")

// reasonOf is why a file was refused that no plugin could deal with.
func reasonOf(err error) string {
	if errors.Is(err, errTooSlow) {
		return errTooSlow.Error()
	}
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return err.Error()
	}
	if said, ok := panicOf(died.Exit.Lines); ok {
		return said
	}
	return fmt.Sprintf("its plugin died of it: %v", died.Exit)
}
