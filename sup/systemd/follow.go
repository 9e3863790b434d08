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

// A Tree is a supervisor of package sup, or a type that embeds one.
type Tree interface {
	sup.AnySupervisor
	// Ending returns a channel that is closed when the tree begins to stop.
	Ending() <-chan struct{}
	// Done returns a channel that is closed when the tree has ended.
	Done() <-chan struct{}
	// Err returns why the tree gave up, or nil.
	Err() error
}

// Options configure [Follow]. The zero value is good for most programs.
type Options struct {
	// Healthy is called before each WATCHDOG=1, if no child is stuck. If it returns an
	// error, the message is not sent, and the status has the error. It must return when
	// its ctx ends, which is when the next message is due. If nil, the health of the tree
	// depends on stuck children only.
	Healthy func(ctx context.Context) error
	// Logger gets a record for each message that cannot be sent, and for each change of
	// health. Default: slog.Default().
	Logger *slog.Logger
}

var errNotStarted = errors.New("tree not started: call Follow after Start has returned nil")

// Follow reports the state of a started tree to systemd, and returns when the tree has
// ended. See the package comment for the messages.
//
// The error is the Err of the tree: the reason why it gave up, or nil after a shutdown.
// If the tree has not started, Follow returns an error at once.
//
// ctx does not bound the life of the tree. If ctx ends first, Follow returns its cause
// and sends nothing more. So a program can stop waiting for children that ignore their
// contexts.
func Follow(ctx context.Context, tree Tree, options Options) error {
	if status, err := sup.Inspect(tree).Status(ctx, ""); !isClosed(tree.Ending()) && (err != nil || !status.Running) {
		return errNotStarted
	}
	f := follower{tree: tree, options: options, notify: Notify}
	if f.options.Logger == nil {
		f.options.Logger = slog.Default()
	}
	interval, err := watchdogInterval()
	if err != nil {
		f.options.Logger.Warn("no watchdog", slog.Any("error", err))
	}
	return f.run(ctx, interval)
}

// watchdogInterval returns the interval within which systemd expects WATCHDOG=1, or 0.
func watchdogInterval() (time.Duration, error) {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil // the variables are meant for another process
	}
	text := os.Getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	const longest = 1 << 53 // microseconds that fit into a Duration
	microseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || microseconds < 2 || microseconds > longest {
		return 0, fmt.Errorf("WATCHDOG_USEC %q: not a number of microseconds", text)
	}
	return time.Duration(microseconds) * time.Microsecond, nil
}

// follower is the state of one call of Follow.
type follower struct {
	tree      Tree
	options   Options
	notify    func(messages ...string) (bool, error)
	unhealthy bool // the last status says so
}

func (f *follower) run(ctx context.Context, interval time.Duration) error {
	var due <-chan time.Time
	if interval > 0 {
		ticker := time.NewTicker(interval / 2)
		defer ticker.Stop()
		due = ticker.C
	}
	ending, done := f.tree.Ending(), f.tree.Done()
	if !isClosed(ending) {
		f.send("READY=1")
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
		// Several may be ready at once. Ending comes first, because a tree that stops need
		// not be healthy.
		if ending != nil && isClosed(ending) {
			ending = nil
			f.sendStopping()
		}
		switch {
		case isClosed(done):
			return f.tree.Err()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isDue:
			f.sendHealth(ctx, interval/2, ending == nil)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (f *follower) sendStopping() {
	status := "STATUS=stopping"
	if err := f.tree.Err(); err != nil {
		status += ": " + oneLine(err)
	}
	f.send("STOPPING=1", status)
}

// sendHealth sends WATCHDOG=1 if the tree is healthy. A tree that stops counts as
// healthy: shutdown timeouts bound it, and so does TimeoutStopSec of systemd.
func (f *follower) sendHealth(ctx context.Context, timeout time.Duration, stopping bool) {
	var err error
	if !stopping {
		err = f.health(ctx, timeout)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !f.unhealthy {
			f.options.Logger.Warn("tree unhealthy", slog.Any("error", err))
		}
		f.unhealthy = true
		f.send("STATUS=unhealthy: " + oneLine(err))
	case f.unhealthy:
		f.unhealthy = false
		f.options.Logger.Info("tree healthy again")
		f.send("WATCHDOG=1", "STATUS=")
	default:
		f.send("WATCHDOG=1")
	}
}

// health returns why the tree is not healthy, or nil.
func (f *follower) health(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	inspector := sup.Inspect(f.tree)
	status, err := inspector.Status(ctx, "")
	if err != nil {
		return err
	}
	if status.States[sup.StateStuck]+status.Below[sup.StateStuck] > 0 {
		// The child may have ended since: then it is not found, and the tree is healthy.
		if info, err := inspector.Snapshot(ctx, ""); err == nil {
			if path, since, found := stuckChild(info); found {
				return fmt.Errorf("%s: stuck since %s", path, since.Format(time.RFC3339))
			}
		}
	}
	if f.options.Healthy == nil {
		return nil
	}
	if err := f.options.Healthy(ctx); err != nil {
		return err
	}
	return context.Cause(ctx) // an answer after the timeout does not count
}

// stuckChild returns the first stuck child of a tree.
func stuckChild(info sup.SupervisorInfo) (path string, since time.Time, found bool) {
	for _, child := range info.Children {
		path := info.Path + "/" + child.ID
		if child.State == sup.StateStuck {
			return path, child.Since, true
		}
		if child.Supervisor != nil {
			if path, since, found := stuckChild(*child.Supervisor); found {
				return path, since, true
			}
		}
	}
	return "", time.Time{}, false
}

// send sends messages, and logs an error.
func (f *follower) send(messages ...string) {
	if _, err := f.notify(messages...); err != nil {
		f.options.Logger.Warn("message to systemd not sent", slog.String("message", messages[0]), slog.Any("error", err))
	}
}

// maxStatus is the maximum length of the text of a status.
const maxStatus = 1 << 10

// oneLine returns the text of an error in one line, truncated to maxStatus.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "") + "…"
	}
	return text
}
