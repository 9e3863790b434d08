package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Memory is a [Store] in memory. It lasts as long as the program refers to it, so it
// suits tests, and programs whose state need not outlive the process. The zero Memory is
// empty and ready to use. It must not be copied after first use.
//
// Get and Commit take time proportional to the size of the call, and List to that of the
// store. A Memory used in a bubble of testing/synctest belongs to that bubble.
type Memory struct {
	mu        sync.Mutex // protects the fields below; never held while anything blocks
	entries   map[string]Entry
	rev       Rev
	log       []Batch // the changes of the revisions after compacted, in order
	compacted Rev
	leases    map[LeaseID]*memoryLease
	lastLease LeaseID
	changed   chan struct{} // closed at the next change; nil if nothing waits for one
	closed    bool
}

// memoryLimits are the limits of a Memory.
var memoryLimits = Limits{Key: MaxKey, Value: MaxValue}

// Limits implements [Store]. A call may have any number of operations.
func (m *Memory) Limits() Limits { return memoryLimits }

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, key string) (Entry, error) {
	if err := memoryLimits.CheckKey(key); err != nil {
		return Entry{}, callError("get", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.beginLocked(ctx); err != nil {
		return Entry{}, callError("get", err)
	}
	return m.getLocked(key), nil
}

// getLocked returns the entry of a key, which has the key even if it is absent.
func (m *Memory) getLocked(key string) Entry {
	e := m.entries[key]
	e.Key = key
	return e
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, prefix string) ([]Entry, Rev, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.beginLocked(ctx); err != nil {
		return nil, 0, callError("list", err)
	}
	var list []Entry
	for key, e := range m.entries {
		if strings.HasPrefix(key, prefix) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return list, m.rev, nil
}

// Commit implements [Store].
func (m *Memory) Commit(ctx context.Context, tx Tx) (Result, error) {
	results, err := m.CommitEach(ctx, []Tx{tx})
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// CommitEach implements [Store].
func (m *Memory) CommitEach(ctx context.Context, txs []Tx) ([]Result, error) {
	if err := memoryLimits.Check(txs...); err != nil {
		return nil, callError("commit", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.beginLocked(ctx); err != nil {
		return nil, callError("commit", err)
	}
	results := make([]Result, len(txs))
	for i, tx := range txs {
		if results[i].Done = m.holdLocked(tx.If); !results[i].Done {
			continue
		}
		for _, op := range tx.Do {
			if !op.Delete && op.Lease != 0 && m.leases[op.Lease] == nil {
				return nil, callError("commit", fmt.Errorf("put of %q: %w", op.Key, ErrLeaseGone))
			}
		}
	}
	var change change
	for i, tx := range txs {
		before := len(change.events)
		if results[i].Done {
			for _, op := range tx.Do {
				m.doLocked(op, &change)
			}
		}
		results[i].Rev = m.rev
		if len(change.events) > before {
			results[i].Rev = m.rev + 1
		}
		for _, key := range tx.Read {
			results[i].Read = append(results[i].Read, m.getLocked(key))
		}
	}
	m.publishLocked(change)
	return results, nil
}

// beginLocked returns the error of a call that must not begin.
func (m *Memory) beginLocked(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.closed {
		return ErrClosed
	}
	return nil
}

func (m *Memory) holdLocked(conds []Cond) bool {
	for _, cond := range conds {
		if m.entries[cond.Key].Modified != cond.Rev {
			return false
		}
	}
	return true
}

// A change collects the events of one revision.
type change struct{ events []Event }

// doLocked carries out an operation in the revision after the present one.
func (m *Memory) doLocked(op Op, c *change) {
	old, present := m.entries[op.Key]
	if op.Delete && !present {
		return
	}
	if l := m.leases[old.Lease]; l != nil {
		delete(l.keys, op.Key)
	}
	e := Entry{Key: op.Key, Modified: m.rev + 1}
	if op.Delete {
		delete(m.entries, op.Key)
		c.events = append(c.events, Event{Entry: e, Deleted: true})
		return
	}
	e.Value, e.Lease = append([]byte{}, op.Value...), op.Lease
	if m.entries == nil {
		m.entries = make(map[string]Entry)
	}
	m.entries[op.Key] = e
	if l := m.leases[op.Lease]; l != nil {
		l.keys[op.Key] = struct{}{}
	}
	c.events = append(c.events, Event{Entry: e})
}

// publishLocked makes a change the next revision, unless it is empty.
func (m *Memory) publishLocked(c change) {
	if len(c.events) == 0 {
		return
	}
	m.rev++
	m.log = append(m.log, Batch{m.rev, c.events})
	if len(m.log) >= 2*History { // so that each change costs little on average
		m.compactLocked(m.rev - History)
	}
	m.wakeLocked()
}

// compactLocked forgets the changes up to and including rev.
func (m *Memory) compactLocked(rev Rev) {
	if rev <= m.compacted {
		return
	}
	m.log = slices.Clone(m.log[rev-m.compacted:])
	m.compacted = rev
}

// Compact forgets the changes up to and including rev, so that a watch from an earlier
// revision ends with [ErrCompacted]. A Memory forgets old changes by itself. Tests call
// Compact to see what follows.
func (m *Memory) Compact(ctx context.Context, rev Rev) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.beginLocked(ctx); err != nil {
		return callError("compact", err)
	}
	m.compactLocked(min(rev, m.rev))
	return nil
}

// Close ends all watches and leases. Their entries are gone, as is everything else. All
// later calls return [ErrClosed]. A second Close has no effect.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, l := range m.leases {
		l.timer.Stop()
	}
	m.entries, m.log, m.leases = nil, nil, nil
	m.wakeLocked()
	return nil
}

func callError(call string, err error) error { return fmt.Errorf("%s: %w", call, err) }
