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

// file is the state of one file of a directory. All fields are guarded by the mutex of
// the Dir.
type file[T any] struct {
	source    *Source[T] // nil if the file has no plugin
	applied   version    // the last one that an action was completed for
	content   content    // of applied
	current   version    // found by the last scan
	changedAt time.Time  // when a scan found current for the first time
	retryAt   time.Time  // a failed action is not retried before
	recheckAt time.Time  // when the content is compared again; zero means never
	busy      bool       // a goroutine is in watcher.apply for this file
	err       error      // why the plugin does not correspond to applied; nil if it does
}

// dueIn returns the time until an action on the file is due. It returns false if none
// is.
func (f *file[T]) dueIn(settle time.Duration, now time.Time) (left time.Duration, due bool) {
	switch {
	case f.busy:
		return 0, false
	case f.current != f.applied:
		return max(f.changedAt.Add(settle).Sub(now), f.retryAt.Sub(now)), true
	case !f.recheckAt.IsZero():
		return f.recheckAt.Sub(now), true
	}
	return 0, false
}

// anyFile reports whether a condition holds for a file.
func (d *Dir[T]) anyFile(holds func(f *file[T]) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if holds(f) {
			return true
		}
	}
	return false
}

// watcher is the worker that makes the plugins of a Dir correspond to the files of its
// directory. It compares the directory with its records. A notification only makes it
// scan the directory sooner, so a lost notification costs time and nothing else.
type watcher[T any] struct {
	dir      *Dir[T]
	notify   *fsnotify.Watcher // nil while the directory is polled
	polledAt time.Time         // when polling began, or notifications were last requested
	// targets are the directories that symbolic links lead to, and watched those among
	// them with a watch. Neither map is changed once it is set.
	targets, watched map[string]bool

	wake chan struct{} // has an element if an action has ended since the last scan
}

func newWatcher[T any](d *Dir[T]) (*watcher[T], error) {
	if err := d.spec.check(); err != nil {
		return nil, err
	}
	return &watcher[T]{dir: d, wake: make(chan struct{}, 1)}, nil
}

// Initialize scans the directory, and returns when all plugins in it have been started.
// In later incarnations it does not wait for them.
func (w *watcher[T]) Initialize(ctx context.Context) (err error) {
	d := w.dir
	if sup.Incarnation(ctx) == 1 {
		if err := d.checkDirectory(); err != nil {
			return w.pathError(err)
		}
	}
	w.reset()
	if _, err = w.scan(ctx); err != nil || sup.Incarnation(ctx) > 1 {
		return err
	}
	if !d.anyFile(func(f *file[T]) bool { return f.current != f.applied }) {
		return nil
	}
	settled := time.NewTimer(d.spec.Settle)
	defer settled.Stop()
	select {
	case <-settled.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err = w.scan(ctx); err != nil {
		return err
	}
	for d.anyFile(func(f *file[T]) bool { return f.busy }) { // adding a child takes little time
		select {
		case <-w.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Run scans the directory after each notification, after each action, and at the times
// that scan asks for.
func (w *watcher[T]) Run(ctx context.Context) error {
	timer, scanSoon := time.NewTimer(0), true
	defer timer.Stop()
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
			if !scanSoon && w.isRelevant(e) {
				scanSoon = true // a little later, because more events follow most times
				timer.Reset(w.dir.spec.Settle / 8)
			}
			continue
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.startPolling(err)
			}
		case <-w.wake:
		case <-timer.C:
		}
		wait, err := w.scan(ctx)
		if err != nil {
			return err
		}
		scanSoon = false
		timer.Reset(wait)
	}
}

// isRelevant reports whether an event may concern a plugin. The parent of the directory
// is watched too, and most events in it do not.
func (w *watcher[T]) isRelevant(e fsnotify.Event) bool {
	dir := w.dir.spec.Path
	in := filepath.Dir(e.Name)
	return e.Name == dir || in == dir || in != filepath.Dir(dir) || w.watched[in]
}

// Terminate stops the notifications, and logs why the watcher is restarted.
func (w *watcher[T]) Terminate(_ context.Context, exit sup.Exit) error {
	if exit.Kind == sup.ExitAbnormal {
		w.dir.spec.Logger.Error("plugin directory not readable", slog.String("directory", w.dir.spec.Path), slog.Any("error", exit.Err))
	}
	if w.notify == nil {
		return nil
	}
	return w.notify.Close()
}

// reset forgets the files whose children did not survive a restart of the tree.
func (w *watcher[T]) reset() {
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

// addWatches requests notifications for the directory, for its parent, which notifies
// when the directory is created again, and for the directories that links lead to. It
// requests them at each scan, because another directory may have taken the place of one.
// If the system has no more notifications, the directory is polled.
func (w *watcher[T]) addWatches() {
	if w.notify == nil && (w.polledAt.IsZero() || time.Since(w.polledAt) >= w.dir.spec.Rescan) {
		notify, err := newFSWatcher()
		if err != nil {
			w.startPolling(err)
			return
		}
		w.notify = notify
	}
	if w.notify == nil {
		return
	}
	dir := w.dir.spec.Path
	var errs []error
	for to := range w.targets {
		errs = append(errs, w.notify.Add(to))
	}
	for to := range w.watched {
		if !w.targets[to] && to != filepath.Dir(dir) {
			_ = w.notify.Remove(to) // it fails if the directory is gone
		}
	}
	w.watched = w.targets
	errs = append(errs, w.notify.Add(filepath.Dir(dir)), w.notify.Add(dir))
	for _, err := range errs {
		// A directory that is gone or not readable is covered by Rescan.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			w.startPolling(err)
			return
		}
	}
	w.setPolled(nil)
}

// targetsOf returns the directories other than dir that contain files of found.
func targetsOf(found map[string]version, dir string) map[string]bool {
	targets := make(map[string]bool)
	for _, v := range found {
		if to := filepath.Dir(v.target); to != dir {
			targets[to] = true
		}
	}
	return targets
}

// newFSWatcher is replaced by tests.
var newFSWatcher = fsnotify.NewWatcher

// startPolling stops the notifications until Rescan has passed.
func (w *watcher[T]) startPolling(reason error) {
	if w.notify != nil {
		_ = w.notify.Close() // it has failed before
	}
	w.notify, w.watched, w.polledAt = nil, nil, time.Now()
	w.setPolled(reason)
}

func (w *watcher[T]) setPolled(reason error) {
	d := w.dir
	d.mu.Lock()
	before := d.polled
	d.polled = reason
	d.mu.Unlock()
	switch directory := slog.String("directory", d.spec.Path); {
	case reason != nil && before == nil:
		d.spec.Logger.Warn("polling plugin directory", directory, slog.Duration("interval", w.scanInterval()), slog.Any("error", reason))
	case reason == nil && before != nil:
		d.spec.Logger.Info("polling of plugin directory stopped", directory)
	}
}

// pollInterval is the time between two scans of a directory that is polled.
const pollInterval = time.Second

// scanInterval returns the maximum time between two scans.
func (w *watcher[T]) scanInterval() time.Duration {
	if w.notify == nil {
		return min(w.dir.spec.Rescan, max(w.dir.spec.Settle, pollInterval))
	}
	return w.dir.spec.Rescan
}

// scan compares the directory with the records of its files, and starts the actions that
// are due. It returns the time until the next scan.
func (w *watcher[T]) scan(ctx context.Context) (wait time.Duration, err error) {
	d := w.dir
	w.addWatches() // before the directory is read, so that no change is missed
	found, unknown, err := listPlugins(d.spec.Path, d.spec.Ignore)
	if err != nil {
		return 0, w.pathError(err)
	}
	now := time.Now()
	wait = w.scanInterval()
	if targets := targetsOf(found, d.spec.Path); !maps.Equal(targets, w.targets) {
		w.targets = targets
		w.addWatches()
		wait = min(wait, d.spec.Settle) // the targets may have changed before they were watched
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range found {
		if d.files[name] == nil {
			d.files[name] = new(file[T])
		}
	}
	for name, f := range d.files {
		current := found[name]
		if unknown[name] != nil {
			current = f.current
		}
		if current != f.current {
			f.current, f.changedAt, f.retryAt = current, now, time.Time{}
		}
		if !current.exists() && !f.applied.exists() && !f.busy && f.source == nil {
			delete(d.files, name)
			continue
		}
		left, due := f.dueIn(d.spec.Settle, now)
		if !due {
			continue
		}
		if left > 0 {
			wait = min(wait, left)
			continue
		}
		f.busy = true
		apply := func(ctx context.Context) error { w.apply(ctx, name, f, current); return nil }
		if err := sup.Go(ctx, apply); err != nil {
			return 0, w.pathError(err)
		}
	}
	return wait, nil
}

// pathError adds the directory to an error that does not begin with it.
func (w *watcher[T]) pathError(err error) error {
	if errors.Is(err, ErrInsecure) {
		return err // with the path that others may change
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok && path.Path == w.dir.spec.Path {
		err = path.Err
	}
	return fmt.Errorf("%s: directory of plugins: %w", w.dir.spec.Path, err)
}
