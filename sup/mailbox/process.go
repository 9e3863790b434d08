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

// A Policy says what [Mailbox.Process] does with messages that are not
// processed at once. The zero Policy is a good one.
type Policy[M any] struct {
	// Deliveries is how many deliveries of a message may fail, to whichever
	// incarnation of whichever worker, before it is a dead letter. A delivery that a
	// stop has interrupted does not count, see [Mailbox.Process]. Default
	// [DefaultDeliveries].
	Deliveries int
	// DeadLetter takes the messages whose deliveries have failed so many times.
	// It is called in the goroutine of Process, with its context, when such a
	// message is next to be received; usually that is the first thing that the
	// incarnation after does. When it returns nil the message is gone. Whatever
	// else it does is as if the function of Process did it, and leaves the message
	// where it is, to be given to DeadLetter again.
	//
	// By default the message is dropped, and that is logged as an error to
	// [slog.Default], with the path of the worker and the reason.
	DeadLetter func(ctx context.Context, letter DeadLetter[M]) error
	// Beat is for a worker with a watchdog, and shorter than its time: Process
	// beats so often while it waits for a message, and when it has got one. The
	// function has to beat by itself if it takes long. 0 means that Process does
	// not beat.
	Beat time.Duration
}

// A DeadLetter is a message that could not be processed.
type DeadLetter[M any] struct {
	Message    M
	Deliveries int // how many of its deliveries have failed
	// Reason is how the last of these ended: with the error that the function
	// returned, a [sup.PanicError], [sup.ErrGoexit], or, if the function was
	// still at it when its child was abandoned, with the cause of its context.
	Reason error
}

// Process receives messages and calls f with each, one after the other. A
// message is done when f returns nil. If f returns an error, panics or calls
// runtime.Goexit, so does Process, for the worker's supervisor to see, and the
// message goes back to its place in the order: the next Process, which is the
// worker's next incarnation's, gets it first, or hands it to
// [Policy].DeadLetter if enough of its deliveries have failed.
//
// A delivery has failed if f returned an error while ctx went on, panicked, called
// runtime.Goexit, or made the worker miss its watchdog. It was interrupted, and does
// not count, if f returned an error after ctx had ended for another reason: a
// shutdown, an operator, a round for a sibling, a failure elsewhere in the worker, or
// a context of the worker's own. Nor does it count when the Process of a replacement
// takes the message over. So a long message is never a dead letter because of its
// neighbours. There is no bound on interruptions.
//
// So a message is processed once if nothing happens, and more than once if a
// worker fails after it has done what there was to do, but before f has
// returned. A [Call] is delivered once only, and Ask returns a
// [NoReplyError].
//
// Process returns nil when the mailbox is closed and empty. Errors: what f or
// DeadLetter returned, as it is; the cause of ctx when that has ended; and one
// that wraps [ErrArguments] for a nil f or negative numbers in the policy.
//
// Any number of Process may read one mailbox. They begin messages in order, and
// what comes back goes to whichever is first; with one, messages are processed in
// order too. When a supervisor has abandoned an incarnation that is stuck in f
// ([sup.StuckAbandon]), the Process of its replacement takes the message over, and
// what f does in the end changes nothing.
func (b *Mailbox[M]) Process(ctx context.Context, f func(ctx context.Context, message M) error, policy Policy[M]) error {
	if err := policy.check(f == nil); err != nil {
		return err
	}
	ctx = given(ctx)
	if err := ended(ctx, "process"); err != nil {
		return err
	}
	p := &processor[M]{box: b, ctx: ctx, path: sup.Path(ctx), life: identity.Of(ctx), f: f, policy: policy.withDefaults()}
	b.enter(p)
	defer b.leave(p)
	var tick <-chan time.Time
	if policy.Beat > 0 {
		ticker := time.NewTicker(policy.Beat)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		late, err := b.receive(ctx, "process", &p.own, tick)
		if late && err == nil {
			b.putBack(p.own)
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

// check reports all that is wrong with the arguments of Process.
func (p Policy[M]) check(noFunction bool) error {
	var faults []string
	if noFunction {
		faults = append(faults, "f is nil: give a function that processes a message")
	}
	if p.Deliveries < 0 {
		faults = append(faults, fmt.Sprintf("Deliveries is %d: give 1 or more, or 0 for the default, %d", p.Deliveries, DefaultDeliveries))
	}
	if p.Beat < 0 {
		faults = append(faults, fmt.Sprintf("Beat is %v: give a time, or 0 for never", p.Beat))
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

// drop is the default of Policy.DeadLetter.
func drop[M any](ctx context.Context, letter DeadLetter[M]) error {
	slog.LogAttrs(ctx, slog.LevelError, "message dropped",
		slog.String("path", sup.Path(ctx)),
		slog.Int("deliveries", letter.Deliveries),
		slog.String("type", fmt.Sprintf("%T", letter.Message)),
		slog.Any("reason", letter.Reason))
	return nil
}
