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

// verdict is the meaning of the error of a call.
type verdict int

const (
	// pluginFailed means that the plugin was killed, hung or was replaced, for reasons
	// other than the file.
	pluginFailed verdict = iota
	// fileSuspected means that the plugin exited or did not answer in time, because of
	// this file or of another one that it was converting.
	fileSuspected
	// fileRefused means that the plugin refused the file.
	fileRefused
	// noPlugin means that there was no plugin to call.
	noPlugin
)

func verdictOf(err error) verdict {
	if _, none := errors.AsType[*plugin.UnavailableError](err); none {
		return noPlugin
	}
	if died, ok := errors.AsType[*plugin.DiedError](err); ok {
		exit, itself := died.Cause.(*proc.ExitError)
		if itself && exit.Signal == 0 {
			return fileSuspected
		}
		return pluginFailed
	}
	if _, ok := content.Answer(err); ok {
		return fileRefused
	}
	return fileSuspected
}

// maxFailures is the number of failures of a plugin with this file alone after which the
// file is refused.
const maxFailures = 2

// maxKills is the number of times that a plugin may be killed before its file is
// converted alone, and again before the file is refused. The system may kill the plugin
// for what the file makes it do.
const maxKills = 10

// retryPause is the time between two checks for a live plugin.
const retryPause = 20 * time.Millisecond

// convert converts a file whatever happens to the plugins meanwhile. The error is the
// cause of ctx.
//
// A plugin that dies ends all its calls. So a suspected file is first converted again
// alone, while the plugins of its kind have no other file.
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
		switch verdictOf(err) {
		case fileRefused:
			text, _ := content.Answer(err)
			return refusal(text, false), nil
		case fileSuspected:
			if alone {
				failures++
			}
			if failures == maxFailures {
				return refusal(reasonOf(err), true), nil
			}
			alone = true
		case pluginFailed:
			killed++
			if killed == 2*maxKills {
				return refusal(reasonOf(err), true), nil
			}
			alone = alone || killed >= maxKills
		case noPlugin:
			if lost := p.unavailable.Load(); lost != nil {
				return refusal((*lost).Error(), false), nil
			}
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
}

// attempt calls a plugin with a file. alone waits until its kind has no other file.
func (s *service) attempt(ctx context.Context, p *pool, f *content.File, alone bool) (*content.Result, error) {
	share, opts := int64(1), []plugin.Option{plugin.Idempotent()}
	if alone {
		share, opts = math.MaxInt64, nil // convert counts each death
	}
	if err := p.calls.Acquire(ctx, share); err != nil {
		return nil, err
	}
	defer p.calls.Release(share)
	bound, cancel := context.WithTimeoutCause(ctx, s.timeout, errTimeout)
	defer cancel()
	begin := time.Now()
	result, err := p.convert(bound, f, opts...)
	switch {
	case err == nil:
		p.meter.count(time.Since(begin))
	case context.Cause(bound) == errTimeout:
		err = fmt.Errorf("%w: %w", errTimeout, err)
	}
	return result, err
}

var errTimeout = errors.New("no answer in time")

// reasonOf returns why a file was refused that no plugin could convert.
func reasonOf(err error) string {
	if errors.Is(err, errTimeout) {
		return errTimeout.Error()
	}
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return err.Error()
	}
	if text, ok := panicOf(died.Exit.Lines); ok {
		return text
	}
	return fmt.Sprintf("plugin died: %v", died.Exit)
}
