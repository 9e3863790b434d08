package bolt

import (
	"context"
	"iter"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/store"
)

// Limits of what a watch reads from the file at once.
const (
	watchBatches = 100
	watchBytes   = 1 << 20
)

// Watch implements [store.Store]. Changes can be watched from across restarts of the
// process.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Rev) iter.Seq2[store.Batch, error] {
	return func(yield func(store.Batch, error) bool) {
		var progress *time.Timer
		for {
			changed := s.nextChange()
			batches, rev, err := s.changesAfter(ctx, prefix, after)
			if err != nil {
				yield(store.Batch{}, s.wrap("watch", err))
				return
			}
			for _, b := range batches {
				if len(b.Events) > 0 && !yield(b, nil) {
					return
				}
			}
			if rev > after {
				after = rev
				continue
			}
			if !yield(store.Batch{Rev: after}, nil) {
				return
			}
			if progress == nil {
				progress = time.NewTimer(store.ProgressInterval)
				defer progress.Stop()
			} else {
				progress.Reset(store.ProgressInterval)
			}
			select {
			case <-changed:
			case <-progress.C:
			case <-s.stop:
			case <-ctx.Done():
			}
		}
	}
}

// nextChange returns a channel that is closed at the next change.
func (s *Store) nextChange() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// changesAfter reads some of the changes after a revision, and returns the revision of
// the last that it has read.
func (s *Store) changesAfter(ctx context.Context, prefix string, after store.Rev) (list []store.Batch, rev store.Rev, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		last, err := revOf(tx)
		if err != nil {
			return err
		}
		compacted, err := compactedOf(tx)
		if err != nil {
			return err
		}
		if after < compacted || after > last {
			return store.ErrCompacted
		}
		rev = after
		c := tx.Bucket(history).Cursor()
		size, n := 0, 0
		for key, record := c.Seek(encodeRev(after + 1)); key != nil && n < watchBatches && size < watchBytes; key, record = c.Next() {
			b, err := decodeEvents(key, record)
			if err != nil {
				return err
			}
			size += len(record)
			n++
			rev = b.Rev
			b.Events = withPrefix(b.Events, prefix)
			list = append(list, b)
		}
		return nil
	})
	return list, rev, err
}

func withPrefix(events []store.Event, prefix string) []store.Event {
	var with []store.Event
	for _, e := range events {
		if strings.HasPrefix(e.Key, prefix) {
			with = append(with, e)
		}
	}
	return with
}
