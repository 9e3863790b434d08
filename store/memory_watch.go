package store

import (
	"context"
	"iter"
	"strings"
	"time"
)

// Watch implements [Store].
func (m *Memory) Watch(ctx context.Context, prefix string, after Rev) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		var progress *time.Timer
		for {
			batches, rev, changed, err := m.changesAfter(ctx, after)
			if err != nil {
				yield(Batch{}, callError("watch", err))
				return
			}
			for _, b := range batches {
				if events := withPrefix(b.Events, prefix); len(events) > 0 && !yield(Batch{b.Rev, events}, nil) {
					return
				}
			}
			after = max(after, rev)
			if changed == nil {
				continue
			}
			if !yield(Batch{Rev: after}, nil) {
				return
			}
			if progress == nil {
				progress = time.NewTimer(ProgressInterval)
				defer progress.Stop()
			} else {
				progress.Reset(ProgressInterval)
			}
			select {
			case <-changed:
			case <-progress.C:
			case <-ctx.Done():
			}
		}
	}
}

// changesAfter returns the changes after a revision and the revision of the last. If
// there are none it returns a channel that is closed at the next change.
func (m *Memory) changesAfter(ctx context.Context, after Rev) (list []Batch, rev Rev, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch err := m.beginLocked(ctx); {
	case err != nil:
		return nil, 0, nil, err
	case after < m.compacted, after > m.rev:
		return nil, 0, nil, ErrCompacted
	case after < m.rev:
		// Events are never modified and the log is only appended to or replaced.
		return m.log[after-m.compacted:], m.rev, nil, nil
	}
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return nil, m.rev, m.changed, nil
}

// wakeLocked wakes the watches that wait for a change.
func (m *Memory) wakeLocked() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// withPrefix returns the events of keys with a prefix.
func withPrefix(events []Event, prefix string) []Event {
	var with []Event
	for i, e := range events {
		if !strings.HasPrefix(e.Key, prefix) {
			if with == nil {
				with = append([]Event{}, events[:i]...)
			}
			continue
		}
		if with != nil {
			with = append(with, e)
		}
	}
	if with == nil {
		return events
	}
	return with
}
