package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/espalier-go/espalier/internal/leftover"
	"github.com/espalier-go/espalier/sup/proc"
)

// processRunner lets go-plugin use a process that this package starts, reads, kills
// and waits for. go-plugin sees the handshake of the process and nothing else.
type processRunner struct {
	ctx           context.Context // of the start; the one that go-plugin passes has no values
	command       proc.Command
	onHandshake   func(h handshake) error
	firstLine     chan string // receives the first line of the standard output
	handshakeLine string      // the line that go-plugin reads; set by Start

	socketDir  string
	socketLock *leftover.Dir // keeps other hosts from removing socketDir
	lockErr    error         // of locking socketDir

	mu     sync.Mutex
	killed bool          // guarded by mu
	proc   *proc.Process // nil until started; written under mu
}

var _ runner.Runner = (*processRunner)(nil)

func newProcessRunner(ctx context.Context, command proc.Command) *processRunner {
	r := &processRunner{ctx: ctx, command: command, firstLine: make(chan string, 1)}
	watch := command.Watch
	r.command.Watch = func(line proc.Line) {
		if line.Stream == proc.Stdout {
			select {
			case r.firstLine <- line.Text:
			default: // not the first line
			}
		}
		if watch != nil {
			watch(line)
		}
	}
	r.command.Logger = decodingLogger(command.Logger)
	r.command.Level = levelRule(command.Level)
	return r
}

// addEnv adds the variables by which go-plugin configures a plugin.
func (r *processRunner) addEnv(env []string) {
	if r.command.Env == nil {
		r.command.Env = withoutCookie(r.command.Environ(), os.Environ())
	}
	r.command.Env = append(r.command.Env, env...)
}

// Start starts the process and reads its handshake.
func (r *processRunner) Start(context.Context) error {
	if err := checkSocketDir(r.socketDir); err != nil {
		return err
	}
	if r.lockErr != nil {
		return fmt.Errorf("%w: %w", ErrSocket, r.lockErr)
	}
	p, err := r.startProcess()
	if err != nil {
		return err
	}
	var line string
	select {
	case line = <-r.firstLine:
	case <-p.Done():
		select {
		case line = <-r.firstLine: // both were ready
		default:
			exit, _ := p.Exit()
			if isCookieRefusal(exit.Lines) {
				return fmt.Errorf("%w: plugin with another cookie: %v", ErrHandshake, exit)
			}
			return fmt.Errorf("%w: %v", ErrHandshake, exit)
		}
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
	h, err := parseHandshake(line)
	if err != nil {
		return err
	}
	r.handshakeLine = h.line()
	return r.onHandshake(h)
}

func (r *processRunner) startProcess() (*proc.Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.killed {
		return nil, context.Canceled
	}
	p, err := r.command.Start(r.ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBinary, cmp.Or(errors.Unwrap(err), err)) // the StartError has the path
	}
	r.proc = p
	return p, nil
}

// isCookieRefusal reports whether lines are the text that go-plugin prints in a plugin
// that was started without its cookie. There is no other sign of it.
func isCookieRefusal(lines []proc.Line) bool {
	return slices.ContainsFunc(lines, func(l proc.Line) bool {
		return strings.HasPrefix(l.Text, "This binary is a plugin.")
	})
}

// kill kills the process. A process that has not been started will not be.
func (r *processRunner) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.killed = true
	if r.proc != nil {
		_ = r.proc.Kill() // it fails if the process has ended
	}
}

// writer returns a writer for the output that go-plugin receives over the connection.
// It treats the output like that of the process itself.
func (r *processRunner) writer(s proc.Stream) io.Writer {
	return &processWriter{processRunner: r, stream: s}
}

type processWriter struct {
	*processRunner
	stream proc.Stream
	once   sync.Once
	to     io.Writer
}

func (w *processWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { w.to = w.proc.Writer(w.stream) }) // the process was started, because it is connected
	return w.to.Write(p)
}

// Wait waits until the process has ended.
func (r *processRunner) Wait(ctx context.Context) error {
	exit, err := r.proc.Wait(ctx)
	if err != nil {
		return err
	}
	return exit.Err()
}

// Kill kills the process.
func (r *processRunner) Kill(context.Context) error {
	r.kill()
	return nil
}

// ID returns a text that is not empty. For an empty one, go-plugin does not clean up
// after a process that could not be started.
func (r *processRunner) ID() string { return r.command.Path }

// Name returns a name for go-plugin's log, which is discarded.
func (r *processRunner) Name() string { return r.command.Path }

// Stdout returns the handshake.
func (r *processRunner) Stdout() io.ReadCloser {
	return io.NopCloser(strings.NewReader(r.handshakeLine))
}

// Stderr returns nothing.
func (r *processRunner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Diagnose returns nothing.
func (r *processRunner) Diagnose(context.Context) string { return "" }

// PluginToHost returns the address unchanged, because both are on one system.
func (r *processRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin returns the address unchanged, because both are on one system.
func (r *processRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
