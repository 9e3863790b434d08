package bolt

import (
	"fmt"
	"os"
	"time"

	"github.com/espalier-go/espalier/store"
)

// Options configure a [Store]. Zero fields mean the documented defaults.
type Options struct {
	// Sync says when commits are flushed to the disk. The default is [Always].
	Sync Sync
	// Quota is the number of bytes that the file may have in use. Beyond it, commits that
	// set keys return [ErrQuota]. Free space in the file does not count. 0 means no limit.
	Quota int64
	// Wait is how long Open waits for a file that another process has. 0 means that it
	// does not wait.
	Wait time.Duration
	// Check checks the whole file at every Open, and not only when its last user did not
	// close it. Open then reads the whole file.
	Check bool
	// ReadOnly opens an existing file for reading. Several processes may do so at once,
	// while no process has it open for writing.
	ReadOnly bool
	// AcceptLoss opens a file one of whose two meta pages is damaged. The file is then as
	// it was after the last commit or after the one before. Without AcceptLoss, Open
	// returns [ErrDamaged].
	AcceptLoss bool
	// Mode is the permission of a new file. 0 means 0600.
	Mode os.FileMode
}

// A Sync says when commits are flushed to the disk. [Always], [Never] and [Interval] are
// its values. The zero Sync is Always.
type Sync struct {
	never    bool
	interval time.Duration
}

// Values of [Sync].
var (
	// Always flushes each commit before it returns.
	Always = Sync{}
	// Never leaves it to the operating system, and flushes when the store is closed.
	Never = Sync{never: true}
)

// Interval flushes at most d after a commit, which does not wait for it.
func Interval(d time.Duration) Sync { return Sync{interval: d} }

// delayed reports whether commits return before they are flushed.
func (s Sync) delayed() bool { return s.never || s.interval != 0 }

func (o Options) check(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%w: the path is empty: use that of a file", store.ErrArguments)
	case o.Quota < 0:
		return fmt.Errorf("%w: Quota is %d: use a number of bytes, or 0 for no limit", store.ErrArguments, o.Quota)
	case o.Wait < 0:
		return fmt.Errorf("%w: Wait is %v: use a positive duration, or 0 to not wait", store.ErrArguments, o.Wait)
	case o.Sync.interval < 0:
		return fmt.Errorf("%w: Sync is Interval(%v): use a positive duration, or Always", store.ErrArguments, o.Sync.interval)
	}
	return nil
}
