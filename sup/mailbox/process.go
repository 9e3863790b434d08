package mailbox

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/identity"
	"github.com/espalier-go/espalier/sup"
)

// DefaultDeliveries is the default of [Policy].Deliveries. It is the number of
// restarts that a supervisor allows by default, so that [Mailbox.Process] gets rid of
// a message that is fatal to its worker before the supervisor gives up.
const DefaultDeliveries = 3

// A Policy says what [Mailbox.Process] does with messages whose delivery fails. The
// zero Policy means the documented defaults.
type Policy[M any] struct {
	// Deliveries is the number of deliveries of a message that may fail, to any
	// incarnation of any worker, before the message is a dead letter. Interrupted
	// deliveries do not count. See [Mailbox.Process]. 0 means [DefaultDeliveries].
	Deliveries int
	// DeadLetter is called with a message whose deliveries have failed so often. It
	// runs in the goroutine of Process, with its context, when the message would be
	// delivered next, which usually is first in the next incarnation. When it returns
	// nil the message is gone. An error, a panic or a Goexit ends Process like one of
	// its function, and the message is passed to DeadLetter again.
	//
	// If nil, the message is dropped and logged at Error to [slog.Default], with the
	// path of the worker and the reason.
	DeadLetter func(ctx context.Context, letter DeadLetter[M]) error
	// Beat is the interval at which Process calls [sup.Beat] while it waits for a
	// message, for a worker with a longer watchdog. It also beats when it has
	// received one. A function that takes long has to beat by itself. 0 means no
	// beats.
	Beat time.Duration
}

// A DeadLetter is a message that could not be processed.
type DeadLetter[M any] struct {
	Message    M
	Deliveries int // number of failed deliveries
	// Reason is how the last failed delivery ended: the error that the function
	// returned, a [sup.PanicError], [sup.ErrGoexit], or the cause of the context if
	// the function had not returned when its child was abandoned.
	Reason error
}

// Process receives messages and calls f with each, one after the other. A message is
// done when f returns nil. If f returns an error, panics or calls runtime.Goexit, so
// does Process, and the worker fails. The message returns to its place in the order.
// The next Process, usually of the worker's next incarnation, gets it first, or passes
// it to [Policy].DeadLetter if enough of its deliveries have failed.
//
// A delivery has failed if f returned an error before ctx ended, panicked, called
// runtime.Goexit, or made the worker miss its watchdog. A delivery was interrupted if f
// returned an error after ctx ended for another reason, such as a shutdown, an
// operator, a round for a sibling or a failure elsewhere in the worker. Interrupted
// deliveries do not count, so a long message never becomes a dead letter because of
// other children. Their number is not bounded.
//
// A message is processed more than once if a worker fails after it has done the work
// and before f has returned. A [Call] is delivered only once. If its delivery fails,
// Ask returns a [NoReplyError].
//
// Process returns nil when the mailbox is closed and empty. Otherwise it returns the
// error of f or DeadLetter unchanged, an error that wraps the cause of ctx when ctx has
// ended, or one that wraps [ErrArguments] if f is nil or the policy has negative
// numbers.
//
// Several calls of Process may read one mailbox. They begin messages in order, and a
// returned message goes to the first that is free. With a single Process, messages are
// also processed in order. When a supervisor has abandoned an incarnation that is stuck
// in f ([sup.StuckAbandon]), the Process of its replacement takes over the message, and
// the result of that f is ignored.
func (b *Mailbox[M]) Process(ctx context.Context, f func(ctx context.Context, message M) error, policy Policy[M]) error {
	if err := policy.check(f == nil); err != nil {
		return err
	}
	if err := ended(ctx, "process"); err != nil {
		return err
	}
	p := &processor[M]{box: b, ctx: ctx, path: sup.Path(ctx), incarnation: identity.Of(ctx), f: f, policy: policy.withDefaults()}
	b.enter(p)
	defer b.leave(p)
	var tick <-chan time.Time
	if policy.Beat > 0 {
		ticker := time.NewTicker(policy.Beat)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		late, err := b.receive(ctx, "process", &p.current, tick)
		if late && err == nil {
			b.putBack(p.current)
			err = ended(ctx, "process")
		}
		if err != nil {
			p.end = err
			if err == ErrClosed {
				return nil
			}
			return err
		}
		if tick != nil {
			sup.Beat(ctx)
		}
		if err := p.deliver(); err != nil {
			return err
		}
	}
}

// check returns an error that lists all invalid arguments of Process.
func (p Policy[M]) check(noFunction bool) error {
	var faults []string
	if noFunction {
		faults = append(faults, "f is nil: use a function that processes a message")
	}
	if p.Deliveries < 0 {
		faults = append(faults, fmt.Sprintf("Deliveries is %d: use 1 or more, or 0 for the default, %d", p.Deliveries, DefaultDeliveries))
	}
	if p.Beat < 0 {
		faults = append(faults, fmt.Sprintf("Beat is %v: use a positive duration, or 0 for no beats", p.Beat))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("process: %w: %s", ErrArguments, strings.Join(faults, "; "))
}

func (p Policy[M]) withDefaults() Policy[M] {
	if p.Deliveries == 0 {
		p.Deliveries = DefaultDeliveries
	}
	if p.DeadLetter == nil {
		p.DeadLetter = drop[M]
	}
	return p
}

// drop is the default Policy.DeadLetter.
func drop[M any](ctx context.Context, letter DeadLetter[M]) error {
	slog.LogAttrs(ctx, slog.LevelError, "message dropped",
		slog.String("path", sup.Path(ctx)),
		slog.Int("deliveries", letter.Deliveries),
		slog.String("type", fmt.Sprintf("%T", letter.Message)),
		slog.Any("reason", letter.Reason))
	return nil
}
