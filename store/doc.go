// Package store defines the small interface of what keeps state for longer than a
// process, and has an implementation of it in memory.
//
// A [Store] is a map from keys to values with revisions, conditional commits, watches and
// leases. [Memory] is one in memory. Package store/bolt keeps one in a file. Typed state
// is built on a Store by kv.Stored, and messages by mailbox.Stored. Programs seldom call
// a Store themselves.
//
// # Guarantees
//
// Every implementation keeps these promises. Package store/storetest checks them.
//
//   - S1. Revisions only rise. Each commit that changes something has a revision of its
//     own, greater than all before. The transactions of one [Store.CommitEach] share one.
//   - S2. Commits are strictly serializable, and reads are linearizable. A commit is
//     durable when it has returned nil, as far as the implementation is configured to be
//     durable. It takes effect whole or not at all.
//   - S3. An error of a commit that does not wrap [ErrUnknown] means that nothing has
//     happened and nothing will. After ErrUnknown the commit may have taken effect, may
//     still take effect later, or may never do. A Store never tries a commit twice.
//   - S4. A lease ends no sooner than its time to live after the last [Store.Renew] began.
//     Its entries are deleted with it, in one revision.
//   - S5. A watch yields every change after a revision, in order and one revision at a
//     time, or ends with [ErrCompacted]. At least the last [History] revisions can be
//     watched from, unless an implementation documents another limit.
//   - S6. Keys have 1 byte to [MaxKey] bytes and values up to [MaxValue] bytes, unless
//     [Store.Limits] says otherwise. A commit beyond the limits returns [ErrTooLarge]
//     before anything has been sent.
//   - S7. The context bounds every call. A call whose context has ended before it began
//     has no effect.
//
// All methods are safe for concurrent use. The caller of a constructor closes the store,
// when nothing uses it any longer. A value that a Store has returned must not be
// modified. A Store copies the values that it is given.
package store
