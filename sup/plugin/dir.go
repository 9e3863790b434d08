package plugin

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A DirSpec describes a [Dir]. Path and Spec are required. All other zero fields mean
// the documented defaults.
type DirSpec[T any] struct {
	// Name is the name of the Dir in the tree. It is not used if the Dir is a child of
	// another supervisor. Default: "plugins".
	Name string
	// Path is the directory. It must exist at the start, and may disappear and return
	// later.
	//
	// The start fails with [ErrInsecure] if a user other than root and the user of the
	// host may change the directory or a directory above it, because that user could run
	// programs as this one. If such a user may change the file of a plugin, that plugin
	// fails.
	Path string
	// AllowInsecure accepts directories and files that other users may change.
	AllowInsecure bool
	// Spec returns the spec of the plugin in a file, or false if the file is not a plugin.
	// It is called for each version of the file. If it leaves Command.Path empty, that is
	// the path of the file.
	Spec func(path string) (spec Spec[T], ok bool)
	// Ignore reports whether a file of this name is not a plugin. It may be called
	// concurrently at any time. Default: [Leftover].
	Ignore func(name string) bool
	// Settle is the time without a change after which a file is used. A missing file must
	// stay missing for this time before its plugin is removed. Default: [DefaultSettle].
	//
	// The host measures the time itself, because the clock of a file server may differ.
	// So a Dir with plugins needs this time to become ready.
	Settle time.Duration
	// Rescan is the time between two scans of the directory without a notification, which
	// file systems over a network need. Default: [DefaultRescan].
	//
	// If the system has no more notifications, the directory is polled each second, or
	// each Settle if that is longer. Then Rescan is the time until notifications are
	// requested again, see [Dir.Polled].
	Rescan time.Duration
	// Budget is the number of failures after which a plugin is quarantined. Default:
	// [DefaultBudget].
	Budget sup.Intensity
	// Backoff is the delay between the restarts of a plugin. Default: [DefaultBackoff].
	Backoff sup.Backoff
	// Shutdown is the time for a plugin to stop. Default: [sup.DefaultShutdown].
	Shutdown time.Duration
	// Observers observe all events of the plugins.
	Observers []sup.Observer
	// Logger receives a record for each action on a file, and a warning when the
	// directory is polled. If nil, nothing is logged.
	Logger *slog.Logger
}

// Defaults of [DirSpec].
const (
	// DefaultSettle is the default of [DirSpec].Settle.
	DefaultSettle = 500 * time.Millisecond
	// DefaultRescan is the default of [DirSpec].Rescan.
	DefaultRescan = time.Minute
)

// Defaults of [DirSpec] for each plugin.
var (
	// DefaultBudget is the default of [DirSpec].Budget.
	DefaultBudget = sup.Intensity{Restarts: 5, Within: time.Minute}
	// DefaultBackoff is the default of [DirSpec].Backoff.
	DefaultBackoff = sup.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
)

// A Dir supervises one plugin for each executable file of a directory. It adds, upgrades
// and removes plugins as their files appear, change and disappear.
//
// An upgrade is a [Client.Replace]: if the new version does not become ready, the old one
// continues. Each plugin has its own budget. A plugin that uses it up is quarantined
// without effect on the others, until its file changes or an operator restarts it.
//
// A plugin is a regular file, or a symbolic link to one, that is executable. Its key is
// the name of the file, which must not begin with a dot or be a [Leftover]. A file has a
// new version when its time, size, mode, location or content has changed.
//
// A Dir is a supervisor through its [sup.Tree]. Start it with Start or Run, or make it a
// child with [sup.Nest]. It is ready when all plugins in the directory have been started.
// To call one, use its handle Plugins.Child(name) with [Do], which waits until the plugin
// is ready. All methods are safe for concurrent use.
type Dir[T any] struct {
	sup.Tree

	// Plugins are the plugins by the names of their files. Children must not be added or
	// removed through it, because the Dir does that.
	Plugins sup.Keyed[string, *Client[T]]

	spec    DirSpec[T]
	watcher sup.Child[*watcher[T]]

	mu     sync.Mutex
	files  map[string]*file[T] // by name; guarded by mu
	polled error               // why the directory is polled; nil if it is not; guarded by mu
}

// NewDir returns a Dir that has not been started. The start returns a [SpecError] if the
// spec has faults.
func NewDir[T any](spec DirSpec[T]) *Dir[T] {
	spec.Name = cmp.Or(spec.Name, "plugins")
	spec.Settle = cmp.Or(spec.Settle, DefaultSettle)
	spec.Rescan = cmp.Or(spec.Rescan, DefaultRescan)
	spec.Budget = cmp.Or(spec.Budget, DefaultBudget)
	spec.Backoff = cmp.Or(spec.Backoff, DefaultBackoff)
	if spec.Ignore == nil {
		spec.Ignore = Leftover
	}
	if spec.Logger == nil {
		spec.Logger = slog.New(slog.DiscardHandler)
	}
	if spec.Path != "" {
		if path, err := filepath.Abs(spec.Path); err == nil {
			spec.Path = path
		}
	}
	d := &Dir[T]{spec: spec, files: make(map[string]*file[T])}
	d.Declare(
		sup.TreeSpec{Name: spec.Name, Strategy: sup.RestForOne, Observers: spec.Observers},
		d.Plugins.Declare(sup.KeyedSpec[string, *Client[T]]{
			Name:     "files",
			Start:    d.start,
			Budget:   spec.Budget,
			Backoff:  spec.Backoff,
			Shutdown: spec.Shutdown,
		}),
		d.watcher.Declare(sup.ChildSpec[*watcher[T]]{
			ID:      "watcher",
			Start:   func(context.Context) (*watcher[T], error) { return newWatcher(d) },
			Backoff: sup.Backoff{Min: 100 * time.Millisecond},
			Budget:  sup.Unlimited,
		}),
	)
	return d
}

// StartDir returns a running Dir. See [sup.Start] for ctx and the errors.
func StartDir[T any](ctx context.Context, spec DirSpec[T]) (*Dir[T], error) {
	d := NewDir(spec)
	if err := d.Start(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// start is the start function of the plugins.
func (d *Dir[T]) start(ctx context.Context, name string) (*Client[T], error) {
	d.mu.Lock()
	f := d.files[name]
	if f == nil || f.source == nil {
		d.mu.Unlock()
		return nil, sup.ErrIgnore // not added by the watcher
	}
	source := f.source
	d.mu.Unlock()
	return source.Start(ctx)
}

// A DirPlugin describes the plugin in a file of a [Dir].
type DirPlugin struct {
	Name string // of the file
	Path string // of its current version, with symbolic links resolved
	// Info is the state of the child. Info.LastExit says why a plugin was quarantined.
	Info sup.ChildInfo
	// Failed is the error of the upgrade to the current version of the file; nil if that
	// version is in use.
	Failed error
}

// List returns a snapshot of the plugins, sorted by name.
func (d *Dir[T]) List() []DirPlugin {
	d.mu.Lock()
	var all []DirPlugin
	for name, f := range d.files {
		if f.source != nil || f.err != nil {
			all = append(all, DirPlugin{Name: name, Path: cmp.Or(f.applied.target, f.current.target), Failed: f.err})
		}
	}
	d.mu.Unlock()
	for i := range all {
		all[i].Info, _ = d.Plugins.Child(all[i].Name).Info()
	}
	slices.SortFunc(all, func(a, b DirPlugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Polled returns the error because of which the directory is polled, or nil if the
// system notifies of its changes.
func (d *Dir[T]) Polled() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.polled
}

// check returns a [SpecError] with all faults, or nil.
func (s DirSpec[T]) check() error {
	var faults []string
	if s.Path == "" {
		faults = append(faults, "Path: is empty: use the path of the directory")
	}
	if s.Spec == nil {
		faults = append(faults, "Spec: is nil: use a function that returns the spec of the plugin in a file")
	}
	if s.Settle < 0 {
		faults = append(faults, fmt.Sprintf("Settle: %v is negative: use 0 for the default", s.Settle))
	}
	if s.Rescan < 0 {
		faults = append(faults, fmt.Sprintf("Rescan: %v is negative: use 0 for the default", s.Rescan))
	}
	if faults == nil {
		return nil
	}
	return &SpecError{Name: s.Name, Faults: faults}
}
