package plugin

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// see makes the plugin of a file what its version says. It is called for one
// version of a file at a time.
func (w *watcher[T]) see(ctx context.Context, name string, f *file[T], v version) {
	d := w.dir
	d.mu.Lock()
	seen, before, failed := f.seen, f.content, f.failed
	d.mu.Unlock()

	now, err := content{}, error(nil)
	if v.there() {
		// Before the plugin is started: what takes the place of this file meanwhile
		// is another content then.
		now, err = readContent(ctx, v.target)
	}
	done, same, unread := ignore, false, err != nil
	switch {
	case unread:
	case seen.there() && v.like(seen) && before.same(now):
		same = true
	default:
		done, err = d.apply(ctx, name, f, v)
	}

	called := ctx.Err() != nil // off
	if errors.Is(err, fs.ErrNotExist) && unread {
		err = nil // it has gone meanwhile, and the next look sees that
	}
	if !called && !same && (err == nil || failed == nil || err.Error() != failed.Error()) {
		d.report(name, done, err)
	}
	d.mu.Lock()
	f.busy = false
	if !called {
		f.learn(v, now, same, unread, err, d.spec.Rescan)
	}
	if !f.seen.there() && !f.next.there() {
		delete(d.files, name)
	}
	d.mu.Unlock()
	select {
	case w.done <- struct{}{}:
	default: // it will look at all files
	}
}

// learn notes what has become of a version. What has failed for a reason that is
// not in the file is tried again.
func (f *file[T]) learn(v version, now content, same, unread bool, err error, rescan time.Duration) {
	f.again, f.confirm = time.Time{}, time.Time{}
	if !same {
		f.failed = err
	}
	switch {
	case unread, exhausted(err):
		f.again = time.Now().Add(exhaustedPause)
		return
	case errors.Is(err, ErrInsecure):
		f.again = time.Now().Add(rescan)
		return
	}
	first := f.seen != v
	f.seen, f.content = v, now
	switch {
	case f.source == nil || !now.known:
	case v.status.IsZero():
		f.confirm = time.Now().Add(rescan)
	case first:
		f.confirm = time.Now().Add(confirmAfter)
	}
}

// confirmAfter is when the content of a version is read once more. What is
// written sooner after the first reading may have the same time, as file systems
// count it; the coarsest count 2 s.
const confirmAfter = 3 * time.Second

// action is what is done about a file.
type action string

const (
	ignore  action = "ignore"
	add     action = "add"
	upgrade action = "upgrade"
	remove  action = "remove"
)

func (d *Dir[T]) apply(ctx context.Context, name string, f *file[T], v version) (done action, err error) {
	defer func() { // else the watcher would end of a Spec that panics, and begin again for ever
		if value := recover(); value != nil {
			err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
		}
	}()
	path := filepath.Join(d.spec.Path, name)
	var spec Spec[T]
	wanted := v.there()
	if wanted {
		spec, wanted = d.spec.Spec(path)
	}
	d.mu.Lock()
	source := f.source
	d.mu.Unlock()
	switch {
	case !wanted && source == nil:
		return ignore, nil
	case !wanted:
		return remove, d.remove(ctx, name, f)
	}
	if spec.Command.Path == "" {
		spec.Command.Path = path
	}
	if err := d.checkWriters(path); err != nil {
		if source == nil {
			return add, err
		}
		return upgrade, err
	}
	if source == nil {
		return add, d.add(ctx, name, f, spec)
	}
	return upgrade, d.upgrade(ctx, name, source, spec)
}

// add declares a plugin. Its process is started by Run, so that a file that
// cannot be started is a child that has failed, and comes to be quarantined.
func (d *Dir[T]) add(ctx context.Context, name string, f *file[T], spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	source := NewSource(spec)
	source.late.Store(true)
	d.mu.Lock()
	f.source = source
	d.mu.Unlock()
	_, err := d.Plugins.StartChild(ctx, name)
	return err
}

func (d *Dir[T]) remove(ctx context.Context, name string, f *file[T]) error {
	err := d.Plugins.RemoveChild(ctx, name)
	if err != nil && !errors.Is(err, sup.ErrNotFound) {
		return err
	}
	d.mu.Lock()
	f.source = nil
	d.mu.Unlock()
	return nil
}

// upgrade gives a plugin another spec: in place if it is live, and when it has
// come up if it is about to.
func (d *Dir[T]) upgrade(ctx context.Context, name string, source *Source[T], spec Spec[T]) error {
	for {
		c, err := d.Plugins.Child(name).Wait(ctx)
		switch {
		case err == nil:
			if err = c.Replace(ctx, spec); !errors.Is(err, ErrEnded) {
				return err
			}
			select {
			case <-c.over:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		case errors.Is(err, sup.ErrStopped): // an operator's word
			return source.Use(spec)
		case errors.Is(err, sup.ErrQuarantined):
			if err := source.Use(spec); err != nil {
				return err
			}
			source.late.Store(true)
			err := d.Plugins.RestartChild(ctx, name)
			if !errors.Is(err, sup.ErrRestarting) && !errors.Is(err, sup.ErrRunning) { // else an operator was faster
				return err
			}
		default:
			return err
		}
	}
}

// checkDirectory finds out whether the directory is there, and whose it is.
func (d *Dir[T]) checkDirectory() error {
	info, err := os.Stat(d.spec.Path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	return d.checkWriters(d.spec.Path)
}

// checkWriters finds out whether others may change what is at a path.
func (d *Dir[T]) checkWriters(path string) error {
	if d.spec.AllowInsecure {
		return nil
	}
	return checkWriters(path)
}

func (d *Dir[T]) report(name string, done action, err error) {
	log := d.spec.Logger.With(slog.String("directory", d.spec.Path), slog.String("plugin", name), slog.String("action", string(done)))
	switch {
	case err != nil:
		log.Error("plugin file: failed", slog.Any("error", err))
	case done != ignore:
		log.Info("plugin file: done")
	}
}
