package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// carryOut starts the survey, waits for its result and stops it. It returns the
// quarantined suspects, and an error if the survey is not complete. It calls progress
// regularly.
func (s *survey) carryOut(ctx context.Context, progress func()) (quarantined []sup.ChildInfo, err error) {
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	quarantined, err = s.operate(ctx, progress)
	s.chaos.end() // otherwise workers that hang could not stop
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return quarantined, errors.Join(err, s.Shutdown(budget), s.Err())
}

func (s *survey) operate(ctx context.Context, progress func()) (quarantined []sup.ChildInfo, err error) {
	// The pool reads all files that do not break their reader.
	if err := s.await(ctx, s.pool.Children, progress); err != nil {
		return nil, err
	}
	// Each other file gets its own worker, which is restarted within its budget.
	for _, path := range s.uncounted() {
		if _, err := s.suspects.StartChild(ctx, path); err != nil {
			return s.quarantined(), err
		}
	}
	err = s.await(ctx, s.suspects.Children, progress)
	quarantined = s.quarantined()
	if err != nil {
		return quarantined, err
	}
	// For a quarantined worker, an operator removes the cause and restarts it.
	s.chaos.end()
	for _, c := range quarantined {
		if err := s.suspects.RestartChild(ctx, c.ID); err != nil {
			return quarantined, err
		}
	}
	return quarantined, s.await(ctx, s.suspects.Children, progress)
}

// await waits until children are at rest. A stop of the survey also leaves them at rest,
// so await then returns the cause of the stop.
func (s *survey) await(ctx context.Context, children func() []sup.ChildInfo, progress func()) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !atRest(children()) {
		progress()
		select {
		case <-tick.C:
		case <-s.Ending(): // ctx is done, or the survey has failed
			return cmp.Or(context.Cause(ctx), sup.ErrNotRunning)
		}
	}
	return context.Cause(ctx)
}

func atRest(children []sup.ChildInfo) bool {
	for _, c := range children {
		if c.State != sup.StateStopped && c.State != sup.StateQuarantined {
			return false
		}
	}
	return true
}

func (s *survey) quarantined() []sup.ChildInfo {
	var list []sup.ChildInfo
	for _, c := range s.suspects.Children() {
		if c.State == sup.StateQuarantined {
			list = append(list, c)
		}
	}
	return list
}

// restarts returns the number of restarts in the whole tree.
func (s *survey) restarts() int {
	n := 0
	for _, c := range slices.Concat(s.pool.Children(), s.suspects.Children(), s.Children()) {
		n += c.Restarts
	}
	return n
}
