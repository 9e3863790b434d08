package debug

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// backlogTimeout is how long a page waits for recorded events. A tree may number its
// events and record none.
const backlogTimeout = 2 * time.Second

// A backlog says whether a stream has sent what was recorded before it began. Until then
// the page cannot say what has not happened.
type backlog struct {
	open  bool
	until uint64 // number of the last event at the beginning
	begun time.Time
}

// begin begins a backlog of the events of a tree up to now.
func (b *backlog) begin(ctx context.Context, tree sup.Inspector) {
	status, err := tree.Status(ctx, "")
	*b = backlog{open: err == nil, until: status.Seq, begun: time.Now()}
}

// update reports whether events are still to come, given the number of the last one.
func (b *backlog) update(last uint64) bool {
	b.open = b.open && last < b.until && time.Since(b.begun) < backlogTimeout
	return b.open
}
