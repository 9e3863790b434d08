package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/espalier-go/espalier/internal/leftover"
	"github.com/espalier-go/espalier/sup/proc"
)

// binary lets go-plugin run a process that is ours: it is started, read, ended
// and waited for here, and go-plugin is shown no more of it than its handshake.
type binary struct {
	ctx     context.Context // of the start; go-plugin's is another
	command proc.Command
	accept  func(h handshake) error
	first   chan string // the first line of its standard output
	line    string      // the handshake that go-plugin reads, once Start has it
	sockets string      // the directory of its socket

	lock    *leftover.Dir // on that, so that a later host knows whether this one is gone
	lockErr error

	mu    sync.Mutex
	ended bool
	proc  *proc.Process // nil until it is started
}

var _ runner.Runner = (*binary)(nil)

func newBinary(ctx context.Context, command proc.Command) *binary {
	b := &binary{ctx: ctx, command: command, first: make(chan string, 1)}
	watch := command.Watch
	b.command.Watch = func(line proc.Line) {
		if line.Stream == proc.Stdout {
			select {
			case b.first <- line.Text: // has room for one
			default:
			}
		}
		if watch != nil {
			watch(line)
		}
	}
	b.command.Logger = decoding(command.Logger)
	b.command.Level = levels(command.Level)
	return b
}

// addEnv adds what go-plugin tells a plugin through its environment.
func (b *binary) addEnv(env []string) {
	if b.command.Env == nil {
		b.command.Env = withoutCookie(b.command.Environ(), os.Environ())
	}
	b.command.Env = append(b.command.Env, env...)
}

// Start starts the process and reads its handshake.
func (b *binary) Start(context.Context) error {
	if err := checkSockets(b.sockets); err != nil {
		return err
	}
	if b.lockErr != nil {
		return fmt.Errorf("%w: %w", ErrSocket, b.lockErr)
	}
	p, err := b.begin()
	if err != nil {
		return err
	}
	var line string
	select {
	case line = <-b.first:
	case <-p.Done():
		select {
		case line = <-b.first:
		default:
			exit, _ := p.Exit()
			if unasked(exit.Lines) {
				return fmt.Errorf("%w: plugin with another cookie: %v", ErrHandshake, exit)
			}
			return fmt.Errorf("%w: %v", ErrHandshake, exit)
		}
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
	h, err := readHandshake(line)
	if err != nil {
		return err
	}
	b.line = h.forGoPlugin()
	return b.accept(h)
}

func (b *binary) begin() (*proc.Process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return nil, context.Canceled
	}
	p, err := b.command.Start(b.ctx)
	if err != nil {
		return nil, &because{ErrBinary, errors.Unwrap(err)}
	}
	b.proc = p
	return p, nil
}

// hold takes the directory of the socket, which go-plugin has made and removes.
// The sweep of another host that is starting may be faster, since the directory is
// not held when it is made: then it is made again.
func (b *binary) hold(sockets string) {
	b.sockets = sockets
	for range holdAttempts {
		b.lock, b.lockErr = leftover.Take(sockets)
		if !errors.Is(b.lockErr, leftover.ErrHeld) && !errors.Is(b.lockErr, fs.ErrNotExist) {
			return
		}
		time.Sleep(time.Millisecond) // the sweep removes a directory that is empty
		_ = os.Mkdir(sockets, 0o700) // it may not have been removed yet
	}
}

const holdAttempts = 100

// release lets go of the directory of the socket, which has been removed.
func (b *binary) release() {
	if b.lock != nil {
		_ = b.lock.Release()
	}
}

// unasked reports whether these are the words of go-plugin's Serve to who starts
// a plugin without its cookie. It says so in no other way.
func unasked(lines []proc.Line) bool {
	return slices.ContainsFunc(lines, func(l proc.Line) bool {
		return strings.HasPrefix(l.Text, "This binary is a plugin.")
	})
}

// end kills the process, also one that is about to be started.
func (b *binary) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.proc != nil {
		_ = b.proc.Kill() // that it has ended by itself is as good
	}
}

// writer takes what the process prints while it serves: go-plugin has that come
// through the connection.
func (b *binary) writer(s proc.Stream) io.Writer { return &lateWriter{binary: b, stream: s} }

type lateWriter struct {
	*binary
	stream proc.Stream
	once   sync.Once
	to     io.Writer
}

func (w *lateWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { w.to = w.proc.Writer(w.stream) }) // it is connected to, so it has been started
	return w.to.Write(p)
}

// Wait waits until the process has ended.
func (b *binary) Wait(ctx context.Context) error {
	exit, err := b.proc.Wait(ctx)
	if err != nil {
		return err
	}
	return exit.Err()
}

// Kill kills the process.
func (b *binary) Kill(context.Context) error {
	b.end()
	return nil
}

// ID must not be empty, or go-plugin takes a process that could not be started
// for one that it has cleared up after.
func (b *binary) ID() string { return b.command.Path }

// Name is for go-plugin's log, which is discarded.
func (b *binary) Name() string { return b.command.Path }

// Stdout is the handshake.
func (b *binary) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(b.line)) }

// Stderr is empty.
func (b *binary) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Diagnose has nothing to add.
func (b *binary) Diagnose(context.Context) string { return "" }

// PluginToHost is the identity: both are on one system.
func (b *binary) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin is the identity, too.
func (b *binary) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
