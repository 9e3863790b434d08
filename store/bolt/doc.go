// Package bolt keeps a [store.Store] in one file, by bbolt (go.etcd.io/bbolt).
//
//	s, err := bolt.Open("fleet.db", bolt.Options{})
//	…
//	defer s.Close()
//
// # Durability
//
// By default a commit is on the disk when it returns ([Always]). One goroutine writes, and
// puts all commits that wait into one transaction of the file, so that many callers share
// one flush of the disk. With [Interval] and [Never] a killed process loses nothing
// either, but a power failure can lose the last commits and can damage the file.
//
// # What happens when something is wrong
//
//   - A second process gets an error that wraps [store.ErrLocked] and names the process
//     that has the file. The lock ends with the process that has it.
//   - A full disk is an error of the commits that did not fit. They have not happened.
//     The store goes on, and commits succeed again when there is room.
//   - Commits that would exceed [Options].Quota return [ErrQuota]. Deletions succeed.
//   - A file of another format or version is [ErrFormat], and stays as it is.
//   - A truncated or damaged file is [ErrDamaged]. Open compares the size of the file with
//     its contents, and checks the whole file if its last user did not close it. Each
//     entry has a checksum, so that a wrong value is an error. If a page cannot be read
//     later, the store closes itself with an error, and the program lives.
//   - If a flush of the disk fails, it is not known what is on the disk. The commits
//     return [store.ErrUnknown], and the store closes itself. Open the file again.
//
// A file whose pages were exchanged by others that are valid by themselves is not found
// out without [Store.Check].
//
// # Leases
//
// Leases live as long as the process. The entries of leases that are left in a file are
// deleted when it is opened.
package bolt
