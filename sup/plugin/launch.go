package plugin

import (
	"context"
	"crypto/tls"
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

// launch starts a plugin and returns it when it is ready. If it fails, the error is a
// *StartError and no process remains.
func launch[T any](ctx context.Context, spec *Spec[T]) (*instance[T], error) {
	ctx, cancel := withTimeout(ctx, spec.StartTimeout, &NotReadyError{spec.StartTimeout})
	defer cancel()
	if spec.inProcess != nil {
		return launchInProcess(ctx, spec)
	}
	dialers := spec.dialers()
	sweepSockets()
	in := newInstance(ctx, spec)
	in.runner.onHandshake = func(h handshake) (err error) {
		if in.dialer, err = dialerFor(dialers, h); err != nil {
			return err
		}
		in.version, in.protocol = h.version, h.protocol
		in.transport.network, in.transport.address = h.network, h.address
		return h.checkEncryption(spec.AutoMTLS)
	}
	in.config = spec.config(dialers, in.runner, in.transport)
	in.goClient = goplugin.NewClient(in.config)

	if err := in.start(ctx); err != nil {
		if failure := in.killFailure(); failure != nil {
			err = fmt.Errorf("%w: %w", err, failure)
		}
		failed := &StartError{Name: spec.Name, Path: spec.Command.Path, Err: err}
		if in.runner.proc != nil {
			failed.Lines = in.runner.proc.Tail()
		}
		return nil, failed
	}
	return in, nil
}

// start makes an instance ready or aborts it, also if go-plugin or a function of the
// spec panics. No panic may reach the callers of Replace, or the watcher of a Dir,
// which would be restarted for ever.
func (in *instance[T]) start(ctx context.Context) (err error) {
	ready := false
	defer func() {
		if value := recover(); value != nil {
			err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
		}
		if !ready {
			in.abort()
		}
	}()
	// No step of go-plugin's start takes a context, but each of them returns when the
	// process ends and its connections are closed.
	stopCancel := context.AfterFunc(ctx, func() {
		in.runner.kill()
		in.transport.close(context.Cause(ctx))
	})
	err = in.connect(ctx)
	if cause := in.killCause.Load(); err != nil && cause != nil {
		err = *cause
	}
	if deadline, ok := ctx.Deadline(); ok && isDeadline(err) && time.Until(deadline) < deadlineSkew {
		// The plugin knows the deadline, and its timer fired first. The caller gets the
		// cause of its own context.
		<-ctx.Done()
	}
	ready = stopCancel() && err == nil
	if ctx.Err() != nil && !ready {
		return context.Cause(ctx)
	}
	if ready {
		in.watch()
	}
	return err
}

// deadlineSkew is how much earlier than the host a plugin may see a deadline.
const deadlineSkew = 100 * time.Millisecond

// goPluginSlack is added to go-plugin's own start timeout, so that ours ends first.
const goPluginSlack = time.Minute

func (s *Spec[T]) config(dialers map[int]Dialer[T], r *processRunner, t *transport) *goplugin.ClientConfig {
	versions := make(map[int]goplugin.PluginSet, len(dialers))
	for v, d := range dialers {
		versions[v] = goplugin.PluginSet{s.Serves: d.stub}
	}
	return &goplugin.ClientConfig{
		HandshakeConfig:  s.Handshake,
		VersionedPlugins: versions,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolNetRPC, goplugin.ProtocolGRPC},
		AutoMTLS:         s.AutoMTLS,
		GRPCDialOptions:  t.dialOptions(),
		SkipHostEnv:      true,
		StartTimeout:     s.StartTimeout + goPluginSlack,
		UnixSocketConfig: &goplugin.UnixSocketConfig{Group: socketGroup(s.Command)},
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       r.writer(proc.Stdout),
		SyncStderr:       r.writer(proc.Stderr),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			r.addEnv(cmd.Env)
			r.lockSocketDir(socketDir)
			return r, nil
		},
	}
}

// connect starts the process, and makes and probes its T.
func (in *instance[T]) connect(ctx context.Context) error {
	client, err := in.dial(ctx)
	if err != nil {
		return in.connectionError(err)
	}
	in.client = client
	if err := in.checkServices(ctx); err != nil {
		return err
	}
	raw, err := client.Dispense(in.spec.Serves)
	if _, isAnswer := errors.AsType[rpc.ServerError](err); err != nil && !isAnswer && in.protocol == goplugin.ProtocolNetRPC {
		return in.connectionError(err)
	}
	if err != nil && strings.Contains(err.Error(), "unknown plugin type") { // go-plugin has no sentinel for it
		return fmt.Errorf("%w: Spec.Serves is %q, and the plugin serves nothing under that name: %w", ErrInterface, in.spec.Serves, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInterface, err)
	}
	if in.t, err = typed[T](raw); err != nil {
		return err
	}
	if in.spec.Probe != nil {
		if err := in.spec.Probe(ctx, in.t); err != nil {
			return fmt.Errorf("%w: %w", ErrProbe, err)
		}
	}
	return nil
}

// dial starts the process and connects to it.
func (in *instance[T]) dial(ctx context.Context) (goplugin.ClientProtocol, error) {
	if _, err := in.goClient.Start(); err != nil {
		return nil, err
	}
	if in.protocol == goplugin.ProtocolGRPC {
		return in.goClient.Client()
	}
	return in.dialRPC(ctx)
}

// dialRPC connects over net/rpc as go-plugin does, but through a limitedConn.
func (in *instance[T]) dialRPC(ctx context.Context) (goplugin.ClientProtocol, error) {
	conn, err := in.transport.dial(ctx)
	if err != nil {
		return nil, err
	}
	if in.config.TLSConfig != nil {
		conn = tls.Client(conn, in.config.TLSConfig)
	}
	conn = newLimitedConn(conn, in.transport)
	client, err := goplugin.NewRPCClient(conn, goplugin.PluginSet{in.spec.Serves: in.dialer.stub})
	if err != nil {
		return nil, err // NewRPCClient has closed conn
	}
	err = client.SyncStreams(in.runner.writer(proc.Stdout), in.runner.writer(proc.Stderr))
	return client, err
}

// connectionError returns the error of a failed connection, or nil if err is nil. An
// error that this package has found passes through go-plugin and is returned as it
// is.
func (in *instance[T]) connectionError(err error) error {
	if err == nil {
		return nil
	}
	for _, own := range []error{ErrBinary, ErrSocket, ErrHandshake, ErrVersion} {
		if errors.Is(err, own) {
			return err
		}
	}
	// gRPC passes on the text of a dial error only, and callers need its number.
	if dialErr := in.transport.lastDialError(); dialErr != nil {
		err = dialErr
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
