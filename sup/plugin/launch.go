package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// launch starts a plugin and returns it when it is ready, or an error, a
// *StartError, and nothing left.
func launch[T any](ctx context.Context, spec *Spec[T]) (*instance[T], error) {
	bound, cancel := within(ctx, spec.StartTimeout, &NotReadyError{spec.StartTimeout})
	defer cancel()
	dialers := spec.dialers()
	sweepSockets()
	in := newInstance(bound, spec)
	in.binary.accept = func(h handshake) (err error) {
		if in.dialer, err = dialerFor(dialers, h); err != nil {
			return err
		}
		in.version, in.protocol = h.version, h.protocol
		in.wire.network, in.wire.address = h.network, h.address
		return h.checkEncryption(spec.AutoMTLS)
	}
	in.config = spec.config(dialers, in.binary, in.wire)
	in.host = goplugin.NewClient(in.config)

	if err := in.start(bound); err != nil {
		if left := in.unkilled(); left != nil {
			err = &because{err, left}
		}
		failure := &StartError{Name: spec.Name, Path: spec.Command.Path, Err: err}
		if in.binary.proc != nil {
			failure.Lines = in.binary.proc.Tail()
		}
		return nil, failure
	}
	return in, nil
}

// start makes an instance ready, or discards it: also when what is the user's in
// it, or go-plugin, panics. A start has callers that no panic may reach: of
// Replace, and the watcher of a Dir, which would begin again for ever.
func (in *instance[T]) start(ctx context.Context) (err error) {
	ready := false
	defer func() {
		if value := recover(); value != nil {
			err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
		}
		if !ready {
			in.discard()
		}
	}()
	// Nothing that go-plugin does in a start can be called off, but all of it
	// ends with the process and the connections to it.
	callOff := context.AfterFunc(ctx, func() {
		in.binary.end()
		in.wire.cut(context.Cause(ctx))
	})
	err = in.connect(ctx)
	if verdict := in.verdict.Load(); err != nil && verdict != nil {
		err = *verdict
	}
	if deadline, ok := ctx.Deadline(); ok && isDeadline(err) && time.Until(deadline) < sooner {
		<-ctx.Done()
	}
	ready = callOff() && err == nil
	if ctx.Err() != nil && !ready {
		return context.Cause(ctx)
	}
	if ready {
		in.watch()
	}
	return err
}

// sooner is by how much the time of the caller may be over in the plugin, which
// has been told the deadline, before it is here.
const sooner = 100 * time.Millisecond

// startSlack keeps go-plugin's own bound on a start behind ours.
const startSlack = time.Minute

func (s *Spec[T]) config(dialers map[int]Dialer[T], b *binary, w *wire) *goplugin.ClientConfig {
	versions := make(map[int]goplugin.PluginSet, len(dialers))
	for v, d := range dialers {
		versions[v] = goplugin.PluginSet{s.Serves: d.stub}
	}
	return &goplugin.ClientConfig{
		HandshakeConfig:  s.Handshake,
		VersionedPlugins: versions,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolNetRPC, goplugin.ProtocolGRPC},
		AutoMTLS:         s.AutoMTLS,
		GRPCDialOptions:  w.dialOptions(),
		SkipHostEnv:      true,
		StartTimeout:     s.StartTimeout + startSlack,
		UnixSocketConfig: &goplugin.UnixSocketConfig{Group: socketGroup(s.Command)},
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       b.writer(proc.Stdout),
		SyncStderr:       b.writer(proc.Stderr),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, sockets string) (runner.Runner, error) {
			b.addEnv(cmd.Env)
			b.hold(sockets)
			return b, nil
		},
	}
}

// connect starts the process, and makes and probes its T.
func (in *instance[T]) connect(ctx context.Context) error {
	link, err := in.dial(ctx)
	if err != nil {
		return in.reached(err)
	}
	in.link = link
	if err := in.checkServices(ctx); err != nil {
		return err
	}
	raw, err := link.Dispense(in.spec.Serves)
	if _, answered := errors.AsType[rpc.ServerError](err); err != nil && !answered && in.protocol == goplugin.ProtocolNetRPC {
		return in.reached(err)
	}
	if err != nil && strings.Contains(err.Error(), "unknown plugin type") { // what go-plugin says of a name is no more than text
		return fmt.Errorf("%w: %w: Spec.Serves is %q, and the plugin serves nothing by that name", ErrInterface, err, in.spec.Serves)
	}
	if err != nil {
		return &because{ErrInterface, err}
	}
	if in.t, err = made[T](raw); err != nil {
		return err
	}
	if in.spec.Probe != nil {
		if err := in.spec.Probe(ctx, in.t); err != nil {
			return &because{ErrProbe, err}
		}
	}
	return nil
}

// reached is why a plugin could not be connected to, or nil if it could: our
// own reason, if it was found before go-plugin came to it.
func (in *instance[T]) reached(err error) error {
	if err == nil {
		return nil
	}
	for _, own := range []error{ErrBinary, ErrSocket, ErrHandshake, ErrVersion} {
		if errors.Is(err, own) {
			return err
		}
	}
	if dialled := in.wire.dialFailure(); dialled != nil {
		err = dialled
	}
	return &because{ErrUnreachable, err}
}
