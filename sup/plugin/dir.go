package plugin

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A DirSpec declares a [Dir]. All zero fields but Path and Spec are defaults.
type DirSpec[T any] struct {
	// Name is the first part of the path of every plugin, unless the Dir is
	// itself a child. Default "plugins".
	Name string
	// Path is the directory. Required, and it must be there at the start; it may
	// go and come back later. A user other than root and that of this program who
	// may change it, or a directory above it, is a start error that wraps
	// [ErrInsecure]: that user could run programs as this one. One who may change
	// a plugin's file is the failure of that plugin.
	Path string
	// AllowInsecure accepts directories and files that others may change.
	AllowInsecure bool
	// Spec returns the spec of the plugin in a file, or false to leave the file
	// alone. Required. It is asked again for each version of the file. A
	// Command.Path that it leaves empty is that of the file.
	Spec func(path string) (spec Spec[T], ok bool)
	// Ignore reports whether the file of a name is no plugin, whatever it may look
	// like. It may be called from several goroutines, at any time. Default
	// [Leftover].
	Ignore func(name string) bool
	// Settle is how long a file must have been seen not to change before it is
	// started, and to be away before its plugin is removed. The
	// times of the file do not count: the clock of a file server may be another.
	// So a Dir is ready this long after its start, if there are plugins. Default
	// [DefaultSettle].
	Settle time.Duration
	// Rescan is the time after which the directory is looked at although nothing
	// was heard, as on file systems over a network. Where the system has no more
	// notifications to give, the directory is polled each second, or each Settle if
	// that is longer, and Rescan is the time until they are asked for again; see
	// [Dir.Polled]. Default [DefaultRescan].
	Rescan time.Duration
	// Budget is how often each plugin may fail before it is quarantined. Default
	// [DefaultBudget].
	Budget sup.Intensity
	// Backoff spaces out the restarts of each plugin. Default [DefaultBackoff].
	Backoff sup.Backoff
	// Shutdown is the time that each plugin has for stopping. Default
	// [sup.DefaultShutdown].
	Shutdown time.Duration
	// Observers see every event of the plugins.
	Observers []sup.Observer
	// Logger receives a record for each action on a file, and a warning when the
	// directory is polled. If nil, nothing is logged.
	Logger *slog.Logger
}

// Defaults of [DirSpec].
const (
	DefaultSettle = 500 * time.Millisecond
	DefaultRescan = time.Minute
)

// Defaults of [DirSpec] for each plugin.
var (
	DefaultBudget  = sup.Intensity{Restarts: 5, Within: time.Minute}
	DefaultBackoff = sup.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
)

// A Dir keeps one plugin alive for each executable file of a directory. It
// starts those that come, ends those that go, and upgrades those that change,
// like [Client.Replace]: if a new version is not ready in time, the old one
// stays. Each plugin has a budget of its own: one that fails more often is
// quarantined, which the others do not notice; a new version of its file, or an
// operator, gets it out of there.
//
// A plugin is a regular file, or a link to one, that may be executed and whose
// name neither begins with a dot nor is one of a [Leftover]. Its key is that name.
// A file is another version when its time, size, mode or place has changed, or its
// content.
//
// A Dir is a supervisor, through the [sup.Tree] in it: start it with Start or
// Run, or make it a child with [sup.Nest]. It is ready when all plugins that
// are there have been begun; each is called through its handle,
// Plugins.Child(name), and [Do] waits until it serves. All methods are safe for
// concurrent use.
type Dir[T any] struct {
	sup.Tree

	// Plugins are the plugins, by the names of their files. What is started or
	// removed through it is not what the directory says, and will not stay.
	Plugins sup.Keyed[string, *Client[T]]

	spec    DirSpec[T]
	watcher sup.Child[*watcher[T]]

	mu     sync.Mutex
	files  map[string]*file[T] // by name
	polled error               // why the directory is polled; nil if it is not
}

// NewDir returns a Dir that has not been started. What is wrong with the spec
// is reported when it starts, in a [SpecError].
func NewDir[T any](spec DirSpec[T]) *Dir[T] {
	if spec.Name == "" {
		spec.Name = "plugins"
	}
	if spec.Settle == 0 {
		spec.Settle = DefaultSettle
	}
	if spec.Rescan == 0 {
		spec.Rescan = DefaultRescan
	}
	if spec.Ignore == nil {
		spec.Ignore = Leftover
	}
	if spec.Budget == (sup.Intensity{}) {
		spec.Budget = DefaultBudget
	}
	if spec.Backoff == (sup.Backoff{}) {
		spec.Backoff = DefaultBackoff
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

// StartDir returns a running Dir. For ctx and the errors see [sup.Start].
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
		return nil, sup.ErrIgnore // somebody else has asked for it
	}
	source := f.source
	d.mu.Unlock()
	return source.Start(ctx)
}

// A DirPlugin is what a [Dir] knows about the plugin in a file.
type DirPlugin struct {
	Name string
	Path string // of the file that its version is in, links followed
	// Info is the state of the child; its LastExit says why it was quarantined.
	Info sup.ChildInfo
	// Failed is why the newest version of the file is not the one that runs; nil
	// if it is.
	Failed error
}

// List returns a snapshot of the plugins, by name.
func (d *Dir[T]) List() []DirPlugin {
	d.mu.Lock()
	var all []DirPlugin
	for name, f := range d.files {
		if f.source != nil || f.failed != nil {
			all = append(all, DirPlugin{Name: name, Path: cmp.Or(f.seen.target, f.next.target), Failed: f.failed})
		}
	}
	d.mu.Unlock()
	for i := range all {
		all[i].Info, _ = d.Plugins.Child(all[i].Name).Info()
	}
	slices.SortFunc(all, func(a, b DirPlugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Polled returns why the directory is polled, or nil if it is not: while there
// are notifications of its changes.
func (d *Dir[T]) Polled() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.polled
}

// check returns a [SpecError] with all faults, or nil.
func (s DirSpec[T]) check() error {
	var faults []string
	if s.Path == "" {
		faults = append(faults, "Path is empty: give the directory")
	}
	if s.Spec == nil {
		faults = append(faults, "Spec is nil: give a function that returns the spec of the plugin in a file")
	}
	if s.Settle < 0 {
		faults = append(faults, "Settle is negative: give 0 for the default, or more")
	}
	if s.Rescan < 0 {
		faults = append(faults, "Rescan is negative: give 0 for the default, or more")
	}
	if faults == nil {
		return nil
	}
	return &SpecError{Name: s.Name, Faults: faults}
}
