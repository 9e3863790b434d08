package plugin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/espalier-go/espalier/sup"
)

// file is what is known of one file of a directory. All of it is protected by
// the mutex of the Dir.
type file[T any] struct {
	source *Source[T] // nil if it is no plugin's
	seen   version    // the one that was seen to
	next   version    // what the file is now
	since  time.Time  // when it became so
	busy   bool       // a goroutine sees to it
	failed error      // why the plugin is not of the version seen
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

// unsettled returns how long it takes until a version is to be seen to.
func (f *file[T]) unsettled(settle time.Duration, now time.Time) time.Duration {
	left := f.since.Add(settle).Sub(now)
	if f.next.there() {
		left = min(left, f.next.changed.Add(settle).Sub(now))
	}
	return left
}

// watcher is the worker that makes the plugins of a Dir what its directory
// says. It is driven by what it sees there, and not by what it hears: a
// notification is a reason to look.
type watcher[T any] struct {
	dir    *Dir[T]
	notify *fsnotify.Watcher
	heard  map[string]bool // directories that there are notifications of
	done   chan struct{}   // has an element when something has been seen to
}

func newWatcher[T any](d *Dir[T]) (*watcher[T], error) {
	if err := d.spec.check(); err != nil {
		return nil, err
	}
	return &watcher[T]{dir: d, done: make(chan struct{}, 1)}, nil
}

// Initialize looks at the directory for the first time.
func (w *watcher[T]) Initialize(ctx context.Context) (err error) {
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		return w.errorf(err)
	}
	w.forget()
	if err = w.listen(nil); err != nil && sup.Incarnation(ctx) == 1 {
		return w.errorf(err)
	}
	if _, err = w.look(ctx); err != nil || sup.Incarnation(ctx) > 1 {
		return err
	}
	for w.dir.busy() { // with adding plugins, which takes no time
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
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-w.notify.Events:
			if !soon && w.concerns(e) {
				soon = true // and with what is going to follow
				again.Reset(w.dir.spec.Settle / 8)
			}
			continue
		case err := <-w.notify.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return w.errorf(err)
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

// Terminate ends the notifications.
func (w *watcher[T]) Terminate(context.Context, sup.Exit) error {
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
// is how a directory is heard that took the place of another.
func (w *watcher[T]) listen(found map[string]version) error {
	dir := w.dir.spec.Path
	heard := make(map[string]bool)
	for _, v := range found {
		if to := filepath.Dir(v.target); to != dir {
			heard[to] = true
			_ = w.notify.Add(to) // if it is gone again, so is the file
		}
	}
	for to := range w.heard {
		if !heard[to] && to != filepath.Dir(dir) {
			_ = w.notify.Remove(to) // it may be gone
		}
	}
	w.heard = heard
	_ = w.notify.Add(filepath.Dir(dir)) // only the directory itself has to be there
	return w.notify.Add(dir)
}

// look compares the directory with what is known of it, and has done what is to
// be done. It returns when to look again at the latest.
func (w *watcher[T]) look(ctx context.Context) (again time.Duration, err error) {
	d := w.dir
	found, err := scan(d.spec.Path)
	if err != nil {
		return 0, w.errorf(err)
	}
	_ = w.listen(found) // fails while the directory is gone
	now := time.Now()
	again = d.spec.Rescan
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range found {
		if d.files[name] == nil {
			d.files[name] = new(file[T])
		}
	}
	for name, f := range d.files {
		if next := found[name]; next != f.next {
			f.next, f.since = next, now
		}
		if f.busy || f.next == f.seen {
			continue
		}
		if left := f.unsettled(d.spec.Settle, now); left > 0 {
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
	return fmt.Errorf("plugin: directory %s: %w", w.dir.spec.Path, err)
}
