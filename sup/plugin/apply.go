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

// apply makes the plugin of a file correspond to a version of the file. The caller has
// set f.busy, so only one apply of a file runs at a time.
func (w *watcher[T]) apply(ctx context.Context, name string, f *file[T], v version) {
	d := w.dir
	d.mu.Lock()
	applied, appliedContent, failed := f.applied, f.content, f.err
	d.mu.Unlock()

	now, err := content{}, error(nil)
	if v.exists() {
		// Read before the plugin is started. If another file takes the place of this one
		// after that, its content differs from the one recorded.
		now, err = readContent(ctx, v.target)
	}
	done, unchanged, unread := actionNone, false, err != nil
	switch {
	case unread:
	case applied.exists() && v.equalButStatus(applied) && appliedContent.equal(now):
		unchanged = true
	default:
		done, err = d.reconcile(ctx, name, f, v)
	}

	canceled := ctx.Err() != nil
	if errors.Is(err, fs.ErrNotExist) && unread {
		err = nil // the file was removed meanwhile, which the next scan finds
	}
	if !canceled && !unchanged && (err == nil || failed == nil || err.Error() != failed.Error()) {
		d.report(name, done, err)
	}
	d.mu.Lock()
	f.busy = false
	if !canceled {
		f.record(v, now, unchanged, unread, err, d.spec.Rescan)
	}
	if !f.applied.exists() && !f.current.exists() {
		delete(d.files, name)
	}
	d.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // a scan is due already, and covers all files
	}
}

// record records the result of an apply. A failure whose reason is not in the file is
// retried.
func (f *file[T]) record(v version, now content, unchanged, unread bool, err error, rescan time.Duration) {
	f.retryAt, f.recheckAt = time.Time{}, time.Time{}
	if !unchanged {
		f.err = err
	}
	switch {
	case unread, outOfResources(err):
		f.retryAt = time.Now().Add(resourcePause)
		return
	case errors.Is(err, ErrInsecure):
		f.retryAt = time.Now().Add(rescan)
		return
	}
	first := f.applied != v
	f.applied, f.content = v, now
	switch {
	case f.source == nil || !now.known:
	case v.status.IsZero():
		f.recheckAt = time.Now().Add(rescan)
	case first:
		f.recheckAt = time.Now().Add(recheckAfter)
	}
}

// recheckAfter is the time after which the content of a new version is read once more.
// A write soon after the first reading may leave the same time stamp, because file
// systems round it, some to 2 s.
const recheckAfter = 3 * time.Second

// An action is what a Dir does about a file, as its log says.
type action string

const (
	actionNone    action = "ignore"
	actionAdd     action = "add"
	actionUpgrade action = "upgrade"
	actionRemove  action = "remove"
)

// reconcile adds, upgrades or removes the plugin of a file.
func (d *Dir[T]) reconcile(ctx context.Context, name string, f *file[T], v version) (done action, err error) {
	defer func() {
		// A panic of DirSpec.Spec would restart the watcher, which would call it again.
		if value := recover(); value != nil {
			err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
		}
	}()
	path := filepath.Join(d.spec.Path, name)
	var spec Spec[T]
	wanted := v.exists()
	if wanted {
		spec, wanted = d.spec.Spec(path)
	}
	d.mu.Lock()
	source := f.source
	d.mu.Unlock()
	switch {
	case !wanted && source == nil:
		return actionNone, nil
	case !wanted:
		return actionRemove, d.remove(ctx, name, f)
	}
	if spec.Command.Path == "" {
		spec.Command.Path = path
	}
	if err := d.checkWriters(path); err != nil {
		if source == nil {
			return actionAdd, err
		}
		return actionUpgrade, err
	}
	if source == nil {
		return actionAdd, d.add(ctx, name, f, spec)
	}
	return actionUpgrade, d.upgrade(ctx, name, source, spec)
}

// add adds a child for a plugin. Run starts its process, not Initialize, so a file that
// cannot be started uses the budget of the child, which is quarantined in the end.
func (d *Dir[T]) add(ctx context.Context, name string, f *file[T], spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	source := NewSource(spec)
	source.startInRun.Store(true)
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

// upgrade gives a plugin another spec. A live plugin is replaced, one that is starting
// is replaced when it is ready, and a stopped one gets the spec for its next start. A
// quarantined plugin is restarted.
func (d *Dir[T]) upgrade(ctx context.Context, name string, source *Source[T], spec Spec[T]) error {
	for {
		c, err := d.Plugins.Child(name).Wait(ctx)
		switch {
		case err == nil:
			if err = c.Replace(ctx, spec); !errors.Is(err, ErrEnded) {
				return err
			}
			select { // wait until Child knows that c has ended
			case <-c.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		case errors.Is(err, sup.ErrStopped): // by an operator, so it is not restarted
			return source.Use(spec)
		case errors.Is(err, sup.ErrQuarantined):
			if err := source.Use(spec); err != nil {
				return err
			}
			source.startInRun.Store(true)
			err := d.Plugins.RestartChild(ctx, name)
			if !errors.Is(err, sup.ErrRestarting) && !errors.Is(err, sup.ErrRunning) {
				return err
			}
			// An operator has restarted it first, maybe with the old spec.
		default:
			return err
		}
	}
}

// checkDirectory checks that the directory exists and that others cannot change it.
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

// checkWriters checks that others cannot change what is at a path, unless the spec
// allows it.
func (d *Dir[T]) checkWriters(path string) error {
	if d.spec.AllowInsecure {
		return nil
	}
	return checkWriters(path)
}

// report logs an action on a file.
func (d *Dir[T]) report(name string, done action, err error) {
	log := d.spec.Logger.With(slog.String("directory", d.spec.Path), slog.String("plugin", name), slog.String("action", string(done)))
	switch {
	case err != nil:
		log.Error("action on plugin file failed", slog.Any("error", err))
	case done != actionNone:
		log.Info("action on plugin file done")
	}
}
