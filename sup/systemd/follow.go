package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Tree is any supervisor of package sup, and what embeds one.
type Tree interface {
	sup.AnySupervisor
	Ending() <-chan struct{}
	Done() <-chan struct{}
	Err() error
}

// Options change what [Follow] does. The zero value is good for most programs.
type Options struct {
	// Healthy is called before each sign of life, if no child is stuck. If it
	// returns an error, no sign of life is sent, and the status is its text. It must
	// return when its ctx ends, which is when the next sign of life is due. If nil,
	// only stuck children matter.
	Healthy func(ctx context.Context) error
	// Logger gets a record for each message that cannot be sent, and when the tree
	// is no longer healthy. Default: slog.Default().
	Logger *slog.Logger
}

var errNotStarted = errors.New("systemd: the tree has not started: call Follow when Start has returned nil")

// Follow reports to systemd on a tree that has started, see the package comment,
// and returns when the tree has ended. The error is that of the tree's Err: why it
// gave up, and nil after a shutdown. If the tree has not started, Follow returns an
// error at once.
//
// ctx is not the life of the tree. If ctx ends first, Follow returns its cause and
// sends nothing more. A program can use it to wait no longer for children that
// ignore their contexts.
func Follow(ctx context.Context, tree Tree, options Options) error {
	if status, err := sup.Inspect(tree).Status(ctx, ""); !closed(tree.Ending()) && (err != nil || !status.Running) {
		return errNotStarted
	}
	f := follower{tree: tree, options: options, send: Notify}
	if f.options.Logger == nil {
		f.options.Logger = slog.Default()
	}
	interval, err := watchdog()
	if err != nil {
		f.options.Logger.Warn("no watchdog", slog.Any("error", err))
	}
	return f.run(ctx, interval)
}

// watchdog returns the time within which systemd expects a sign of life, 0 if it
// does not.
func watchdog() (time.Duration, error) {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil // it is for another process
	}
	text := os.Getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	const longest = 1 << 53 // microseconds, that fit into a Duration
	microseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || microseconds < 2 || microseconds > longest {
		return 0, fmt.Errorf("systemd: WATCHDOG_USEC is %q: it must be a number of microseconds", text)
	}
	return time.Duration(microseconds) * time.Microsecond, nil
}

// follower is one call of Follow.
type follower struct {
	tree    Tree
	options Options
	send    func(messages ...string) (bool, error)
	unwell  bool // a status says so
}

func (f *follower) run(ctx context.Context, interval time.Duration) error {
	var due <-chan time.Time
	if interval > 0 {
		ticker := time.NewTicker(interval / 2)
		defer ticker.Stop()
		due = ticker.C
	}
	ending, done := f.tree.Ending(), f.tree.Done()
	if !closed(ending) {
		f.tell("READY=1")
	}
	for {
		isDue := false
		select {
		case <-ending:
		case <-done:
		case <-ctx.Done():
		case <-due:
			isDue = true
		}
		// More than one may have come, and a tree that ends need not be healthy.
		if ending != nil && closed(ending) {
			ending = nil
			f.tellStopping()
		}
		switch {
		case closed(done):
			return f.tree.Err()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isDue:
			f.tellHealth(ctx, interval/2, ending == nil)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (f *follower) tellStopping() {
	status := "STATUS=stopping"
	if err := f.tree.Err(); err != nil {
		status += ": " + oneLine(err)
	}
	f.tell("STOPPING=1", status)
}

// tellHealth sends a sign of life if the tree is healthy. One that stops is: for
// that it has its own times, and systemd has TimeoutStopSec.
func (f *follower) tellHealth(ctx context.Context, within time.Duration, stopping bool) {
	var err error
	if !stopping {
		err = f.health(ctx, within)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !f.unwell {
			f.options.Logger.Warn("not healthy", slog.Any("error", err))
		}
		f.unwell = true
		f.tell("STATUS=not healthy: " + oneLine(err))
	case f.unwell:
		f.unwell = false
		f.options.Logger.Info("healthy again")
		f.tell("WATCHDOG=1", "STATUS=")
	default:
		f.tell("WATCHDOG=1")
	}
}

// health returns what is wrong with the tree.
func (f *follower) health(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %v", within))
	defer cancel()
	inspector := sup.Inspect(f.tree)
	status, err := inspector.Status(ctx, "")
	if err != nil {
		return err
	}
	if status.States[sup.StateStuck]+status.Below[sup.StateStuck] > 0 {
		if info, err := inspector.Snapshot(ctx, ""); err == nil {
			if path, since, found := stuck(info); found {
				return fmt.Errorf("%s is stuck since %s", path, since.Format(time.RFC3339))
			}
		}
	}
	if f.options.Healthy == nil {
		return nil
	}
	if err := f.options.Healthy(ctx); err != nil {
		return err
	}
	return context.Cause(ctx) // a late answer is none
}

// stuck finds the first child in a tree that is stuck.
func stuck(info sup.SupervisorInfo) (path string, since time.Time, found bool) {
	for _, child := range info.Children {
		path := info.Path + "/" + child.ID
		if child.State == sup.StateStuck {
			return path, child.Since, true
		}
		if child.Supervisor != nil {
			if path, since, found := stuck(*child.Supervisor); found {
				return path, since, true
			}
		}
	}
	return "", time.Time{}, false
}

func (f *follower) tell(messages ...string) {
	if _, err := f.send(messages...); err != nil {
		f.options.Logger.Warn("message to systemd not sent", slog.String("message", messages[0]), slog.Any("error", err))
	}
}

// maxStatus bounds the text of a status.
const maxStatus = 1 << 10

// oneLine is the text of an error as a status can have it.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "") + "…"
	}
	return text
}
