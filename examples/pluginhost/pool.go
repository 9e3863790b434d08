package main

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// A pool is the plugins of one kind, without the type of their results.
type pool struct {
	kind content.Kind
	plugins
	calls       *semaphore.Weighted // a call takes 1, or everything if it must be alone
	meter       *meter
	unavailable atomic.Pointer[error] // why no plugin of the kind can be started; nil if one can
}

// plugins are the methods of a pool that depend on the type of the results.
type plugins interface {
	convert(ctx context.Context, f *content.File, opts ...plugin.Option) (*content.Result, error)
	children() []sup.ChildInfo
	restart(ctx context.Context, i int) error
	live() []process
	binary() string
	use(binary, path string) error
	replace(ctx context.Context, i int, binary, path string) error
}

// process is a live plugin.
type process struct {
	replica int
	pid     int
	binary  string
}

func newPool(kind content.Kind, p plugins) *pool {
	return &pool{kind: kind, plugins: p, calls: semaphore.NewWeighted(math.MaxInt64), meter: newMeter()}
}

// replicas are plugins that convert a file to an R.
type replicas[R any] struct {
	set    *sup.Replicas[*plugin.Client[content.Converter[R]]]
	source *plugin.Source[content.Converter[R]]
	result func(R) *content.Result
}

func newReplicas[R any](set *sup.Replicas[*plugin.Client[content.Converter[R]]], spec plugin.Spec[content.Converter[R]], result func(R) *content.Result) *replicas[R] {
	return &replicas[R]{set, plugin.NewSource(spec), result}
}

// programSpec has what the specs of all plugins have in common.
type programSpec struct {
	binaries *binaries
	timeout  time.Duration // of a call
	logger   *slog.Logger
}

// lastLines is the number of output lines that are kept, enough for a panic.
const lastLines = 200

// specOf returns the spec of the plugins of a kind. They serve service, and dial makes a
// client of it.
func specOf[C content.Converter[R], R any](p programSpec, kind content.Kind, dial func(grpc.ClientConnInterface) C, service grpc.ServiceDesc) plugin.Spec[content.Converter[R]] {
	name := string(kind)
	return plugin.Spec[content.Converter[R]]{
		Name:      name,
		Command:   proc.Command{Path: p.binaries.path(name), Logger: p.logger, Tail: lastLines},
		Handshake: content.Handshake,
		Dial: plugin.GRPC(func(_ context.Context, conn *grpc.ClientConn) (content.Converter[R], error) {
			return dial(conn), nil
		}, service.ServiceName),
		DrainTimeout: p.timeout,
		// A plugin that hangs is detected well before its calls time out. So a call that
		// times out was slow because of its file.
		Liveness: plugin.Liveness{
			Interval: min(250*time.Millisecond, p.timeout/20),
			Timeout:  min(500*time.Millisecond, p.timeout/10),
			Failures: 3,
		},
	}
}

func (r *replicas[R]) convert(ctx context.Context, f *content.File, opts ...plugin.Option) (*content.Result, error) {
	var result R
	err := plugin.Do(ctx, r.set, func(ctx context.Context, c content.Converter[R]) (err error) {
		result, err = c.Convert(ctx, f)
		return err
	}, opts...)
	if err != nil {
		return nil, err
	}
	return r.result(result), nil
}

func (r *replicas[R]) children() []sup.ChildInfo { return r.set.Children() }

func (r *replicas[R]) restart(ctx context.Context, i int) error { return r.set.RestartChild(ctx, i) }

func (r *replicas[R]) live() []process {
	var all []process
	for i, c := range r.set.All() {
		all = append(all, process{i, c.Pid(), c.Spec().Name})
	}
	return all
}

// binary returns the name of the binary for the next starts.
func (r *replicas[R]) binary() string { return r.source.Spec().Name }

// use sets the binary for the next starts.
func (r *replicas[R]) use(binary, path string) error {
	return r.source.Use(r.specFor(binary, path))
}

// replace upgrades one live plugin.
func (r *replicas[R]) replace(ctx context.Context, i int, binary, path string) error {
	return r.set.Child(i).Do(ctx, func(ctx context.Context, c *plugin.Client[content.Converter[R]]) error {
		return c.Replace(ctx, r.specFor(binary, path))
	})
}

func (r *replicas[R]) specFor(binary, path string) plugin.Spec[content.Converter[R]] {
	spec := r.source.Spec()
	spec.Name, spec.Command.Path = binary, path
	return spec
}

// name returns the name of a replica, such as "text/0".
func (p *pool) name(i int) string { return string(p.kind) + "/" + strconv.Itoa(i) }
