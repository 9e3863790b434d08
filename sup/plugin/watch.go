package plugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/espalier-go/espalier/sup"
)

// file is what is known of one file of a directory. All of it is protected by
// the mutex of the Dir.
type file[T any] struct {
	source  *Source[T] // nil if it is no plugin's
	seen    version    // the one that was seen to
	content content    // of that
	next    version    // what the file is now
	since   time.Time  // when it was seen to become so
	again   time.Time  // what failed is not tried again before that
	confirm time.Time  // when the content is compared again; zero for never
	busy    bool       // a goroutine sees to it
	failed  error      // why the plugin is not of the version seen
}

// busy reports that something is being done about a file.
func (d *Dir[T]) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.busy {
			return true
		}
	}
	return false
}

// due returns how long it takes until the version of a file is to be seen to, or
// false if it is not.
func (f *file[T]) due(settle time.Duration, now time.Time) (left time.Duration, is bool) {
	switch {
	case f.busy:
		return 0, false
	case f.next != f.seen:
		return max(f.since.Add(settle).Sub(now), f.again.Sub(now)), true
	case !f.confirm.IsZero():
		return f.confirm.Sub(now), true
	}
	return 0, false
}

// unsettled reports that there are files that nothing has been done about.
func (d *Dir[T]) unsettled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.next != f.seen {
			return true
		}
	}
	return false
}

// watcher is the worker that makes the plugins of a Dir what its directory
// says. It is driven by what it sees there, and not by what it hears: a
// notification is a reason to look.
type watcher[T any] struct {
	dir    *Dir[T]
	notify *fsnotify.Watcher // nil while the directory is polled
	asked  time.Time         // when there were no notifications to be had
	// targets are the directories that links lead to, and heard those of them
	// that there are notifications of. Neither map is changed.
	targets, heard map[string]bool

	done chan struct{} // has an element when something has been seen to
}

func newWatcher[T any](d *Dir[T]) (*watcher[T], error) {
	if err := d.spec.check(); err != nil {
		return nil, err
	}
	return &watcher[T]{dir: d, done: make(chan struct{}, 1)}, nil
}

// Initialize looks at the directory for the first time, and has all plugins
// begun that are there.
func (w *watcher[T]) Initialize(ctx context.Context) (err error) {
	d := w.dir
	if sup.Incarnation(ctx) == 1 {
		if err := d.checkDirectory(); err != nil {
			return w.errorf(err)
		}
	}
	w.forget()
	if _, err = w.look(ctx); err != nil || sup.Incarnation(ctx) > 1 {
		return err
	}
	if !d.unsettled() {
		return nil
	}
	settled := time.NewTimer(d.spec.Settle)
	defer settled.Stop()
	select {
	case <-settled.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err = w.look(ctx); err != nil {
		return err
	}
	for d.busy() { // with adding plugins, which takes no time
		select {
		case <-w.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Run looks at the directory whenever there is a reason to.
func (w *watcher[T]) Run(ctx context.Context) error {
	again, soon := time.NewTimer(0), true
	defer again.Stop()
	for {
		var events chan fsnotify.Event
		var failures chan error
		if w.notify != nil {
			events, failures = w.notify.Events, w.notify.Errors
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-events:
			if !soon && w.concerns(e) {
				soon = true // and with what is going to follow
				again.Reset(w.dir.spec.Settle / 8)
			}
			continue
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.poll(err)
			}
		case <-w.done:
		case <-again.C:
		}
		wait, err := w.look(ctx)
		if err != nil {
			return err
		}
		soon = false
		again.Reset(wait)
	}
}

// concerns tells what happens to the plugins from what else happens in the
// directory that theirs is in.
func (w *watcher[T]) concerns(e fsnotify.Event) bool {
	dir := w.dir.spec.Path
	in := filepath.Dir(e.Name)
	return e.Name == dir || in == dir || in != filepath.Dir(dir) || w.heard[in]
}

// Terminate ends the notifications, and says why the watcher is restarted.
func (w *watcher[T]) Terminate(_ context.Context, exit sup.Exit) error {
	if exit.Kind == sup.ExitAbnormal {
		w.dir.spec.Logger.Error("plugin directory: not looked at", slog.String("directory", w.dir.spec.Path), slog.Any("error", exit.Err))
	}
	if w.notify == nil {
		return nil
	}
	return w.notify.Close()
}

// forget drops what a former life of the tree knew and has not any more.
func (w *watcher[T]) forget() {
	d := w.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.files {
		f.busy = false
		if _, declared := d.Plugins.Child(name).Info(); !declared {
			delete(d.files, name)
		}
	}
}

// listen asks for the notifications of the directory, of the one that it is in,
// which tells when it comes back, and of those that links lead to. Asking again
// is how a directory is heard that took the place of another. Where there are no
// notifications to be had, the directory is polled.
func (w *watcher[T]) listen() {
	if w.notify == nil && (w.asked.IsZero() || time.Since(w.asked) >= w.dir.spec.Rescan) {
		notify, err := newNotify()
		if err != nil {
			w.poll(err)
			return
		}
		w.notify = notify
	}
	if w.notify == nil {
		return
	}
	dir := w.dir.spec.Path
	var failures []error
	for to := range w.targets {
		failures = append(failures, w.notify.Add(to))
	}
	for to := range w.heard {
		if !w.targets[to] && to != filepath.Dir(dir) {
			_ = w.notify.Remove(to) // it may be gone
		}
	}
	w.heard = w.targets
	failures = append(failures, w.notify.Add(filepath.Dir(dir)), w.notify.Add(dir))
	for _, err := range failures {
		// A directory that is gone, or may not be read, is for the next Rescan.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			w.poll(err)
			return
		}
	}
	w.setPolled(nil)
}

// targetsOf returns the directories of files that are in others than dir.
func targetsOf(found map[string]version, dir string) map[string]bool {
	targets := make(map[string]bool)
	for _, v := range found {
		if to := filepath.Dir(v.target); to != dir {
			targets[to] = true
		}
	}
	return targets
}

// newNotify is replaced by tests.
var newNotify = fsnotify.NewWatcher

// poll does without notifications for a while.
func (w *watcher[T]) poll(why error) {
	if w.notify != nil {
		_ = w.notify.Close() // it has failed
	}
	w.notify, w.heard, w.asked = nil, nil, time.Now()
	w.setPolled(why)
}

func (w *watcher[T]) setPolled(why error) {
	d := w.dir
	d.mu.Lock()
	was := d.polled
	d.polled = why
	d.mu.Unlock()
	switch directory := slog.String("directory", d.spec.Path); {
	case why != nil && was == nil:
		d.spec.Logger.Warn("plugin directory: polled", directory, slog.Duration("every", w.pause()), slog.Any("error", why))
	case why == nil && was != nil:
		d.spec.Logger.Info("plugin directory: no longer polled", directory)
	}
}

// pollTime is the time between two looks at a directory that is polled.
const pollTime = time.Second

// pause returns how long the directory need not be looked at if nothing is heard.
func (w *watcher[T]) pause() time.Duration {
	if w.notify == nil {
		return min(w.dir.spec.Rescan, max(w.dir.spec.Settle, pollTime))
	}
	return w.dir.spec.Rescan
}

// look compares the directory with what is known of it, and has done what is to
// be done. It returns when to look again at the latest.
func (w *watcher[T]) look(ctx context.Context) (again time.Duration, err error) {
	d := w.dir
	w.listen() // before the scan, which then misses nothing
	found, unknown, err := scan(d.spec.Path, d.spec.Ignore)
	if err != nil {
		return 0, w.errorf(err)
	}
	now := time.Now()
	again = w.pause()
	if targets := targetsOf(found, d.spec.Path); !maps.Equal(targets, w.targets) {
		w.targets = targets
		w.listen()
		again = min(again, d.spec.Settle) // what has happened there since the scan
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range found {
		if d.files[name] == nil {
			d.files[name] = new(file[T])
		}
	}
	for name, f := range d.files {
		next := found[name]
		if unknown[name] != nil {
			next = f.next
		}
		if next != f.next {
			f.next, f.since, f.again = next, now, time.Time{}
		}
		if !next.there() && !f.seen.there() && !f.busy && f.source == nil {
			delete(d.files, name)
			continue
		}
		left, is := f.due(d.spec.Settle, now)
		if !is {
			continue
		}
		if left > 0 {
			again = min(again, left)
			continue
		}
		f.busy = true
		v := f.next
		see := func(ctx context.Context) error { w.see(ctx, name, f, v); return nil }
		if err := sup.Go(ctx, see); err != nil {
			return 0, w.errorf(err)
		}
	}
	return again, nil
}

func (w *watcher[T]) errorf(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok && path.Path == w.dir.spec.Path {
		err = path.Err // the path is there already
	}
	return fmt.Errorf("directory %s: %w", w.dir.spec.Path, err)
}
