package store

import (
	"context"
	"iter"
	"time"
)

// A Rev is a revision of a store. The first change has revision 1 or more. 0 stands for
// the time before it.
type Rev int64

// A LeaseID identifies a lease. 0 stands for no lease.
type LeaseID int64

// A Store keeps entries by key. The package comment states its guarantees.
//
// Errors wrap [ErrArguments] if an argument is invalid, [ErrClosed] if the store was
// closed, and the cause of the context if it has ended.
type Store interface {
	// Get returns the entry of a key. Its Modified is 0 if the key is absent.
	Get(ctx context.Context, key string) (Entry, error)
	// List returns the entries whose keys begin with a prefix, in the order of their keys,
	// and the revision of the store at which all of them were read. The prefix "" means
	// all entries.
	List(ctx context.Context, prefix string) ([]Entry, Rev, error)
	// Commit carries out a transaction, whole or not at all. Result.Done reports whether
	// its conditions held. What it reads is returned in either case.
	Commit(ctx context.Context, tx Tx) (Result, error)
	// CommitEach carries out transactions in one round trip and in one revision. Each is
	// done or refused by itself. All conditions are compared with the state before the
	// first of them. No key may be written twice.
	CommitEach(ctx context.Context, txs []Tx) ([]Result, error)
	// Watch returns an iterator over the changes of keys with a prefix after a revision.
	// It begins when it is ranged over, and waits for further changes. It ends with an
	// error: the cause of ctx, [ErrCompacted] if the changes after that revision are no
	// longer known or the store has not reached it, or one of the store. See [Batch] for
	// what it yields.
	Watch(ctx context.Context, prefix string, after Rev) iter.Seq2[Batch, error]
	// Lease grants a lease for a time to live. It returns the time that was granted, which
	// may be longer.
	Lease(ctx context.Context, ttl time.Duration) (LeaseID, time.Duration, error)
	// Renew extends a lease to its time to live from now on. It returns [ErrLeaseGone] if
	// the lease has ended.
	Renew(ctx context.Context, id LeaseID) error
	// Revoke ends a lease and deletes its entries in one revision. It returns
	// [ErrLeaseGone] if the lease has ended already.
	Revoke(ctx context.Context, id LeaseID) error
	// Limits returns the limits of this store.
	Limits() Limits
}

// An Entry is a key and its value. Value must not be modified.
type Entry struct {
	Key      string
	Value    []byte
	Modified Rev     // revision of the last change; 0 if the key is absent
	Lease    LeaseID // lease with which the entry ends; 0 if there is none
}

// A Tx is a transaction. If all conditions hold, its operations are done, and then its
// keys are read. Otherwise its keys are read only.
type Tx struct {
	If   []Cond
	Do   []Op
	Read []string
}

// A Cond is the condition that an entry was last modified by revision Rev, or that it is
// absent if Rev is 0.
type Cond struct {
	Key string
	Rev Rev
}

// An Op sets a key to a value, or deletes it. [Put] and [Delete] return one. Deleting an
// absent key changes nothing.
type Op struct {
	Key    string
	Value  []byte
	Lease  LeaseID // lease with which the entry ends; 0 if it has none or no longer has one
	Delete bool    // Value and Lease are ignored if set
}

// Put returns the operation that sets a key to a value.
func Put(key string, value []byte) Op { return Op{Key: key, Value: value} }

// Delete returns the operation that deletes a key.
func Delete(key string) Op { return Op{Key: key, Delete: true} }

// A Result is the result of a transaction.
type Result struct {
	// Done is set if the conditions held and the operations were done.
	Done bool
	// Rev is the revision of the transaction if it has changed anything, and otherwise
	// that at which it was evaluated.
	Rev Rev
	// Read has an entry for each key of Tx.Read, in that order, as it is after the
	// operations.
	Read []Entry
}

// A Batch is what a watch yields at once: all changes of one revision, or a report of
// progress if there are no events. A report says that the watch has yielded all changes
// up to and including Rev. A watch reports progress when it has caught up with the store,
// and at least every [ProgressInterval] while nothing changes.
type Batch struct {
	Rev    Rev
	Events []Event
}

// An Event is the change of a key. Modified is its revision. A deleted entry has no value
// and no lease.
type Event struct {
	Entry
	Deleted bool
}

// Limits of a portable program. Implementations that have others say so by
// [Store.Limits].
const (
	MaxKey   = 1 << 10 // bytes of a key
	MaxValue = 1 << 20 // bytes of a value
	MaxOps   = 100     // operations, conditions and reads of a call together
)

// History is the number of revisions that can be watched from.
const History = 10_000

// ProgressInterval is the longest time between two batches of a watch.
const ProgressInterval = 5 * time.Second
