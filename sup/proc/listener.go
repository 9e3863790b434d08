package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
)

// A Listener is a socket that the host opens once and each incarnation of a process
// inherits, see [Command].Listeners. Between two incarnations, connections wait in
// the queue of the socket, so that a restart refuses none.
//
// The process finds its sockets by the convention of systemd's socket activation,
// which sd_listen_fds(3), package sup/systemd and many programs implement. The
// sockets are its descriptors from 3, in the order of Command.Listeners. LISTEN_FDS
// is their number, LISTEN_FDNAMES has their names, separated by colons, and
// LISTEN_PID is the id of the process.
//
// LISTEN_PID is set on Linux only. To set it, proc starts the process under
// ptrace(2), see [Limits].Rlimits. If ptrace is not allowed, the start fails. Pass
// the file of the socket in Command.ExtraFiles then.
//
// The caller closes the Listener when the supervisor has ended. Several children may
// have the same Listener. The system then gives each connection to one of the
// processes that accept. The socket is in blocking mode at first. A process that
// changes the mode changes it for later incarnations too. The socket is always open,
// so [ReadyTCP] and [LiveTCP] do not test a process that inherits it.
//
// All methods are safe for concurrent use.
type Listener struct {
	*sharedSocket
	name string
}

// sharedSocket is the socket of a Listener, shared with those of other names.
type sharedSocket struct {
	addr net.Addr
	path string // the socket file that Close removes, or ""
	file *os.File

	mu     sync.Mutex // guards closed
	closed bool
}

// Listen opens a socket for processes. It replaces a stale socket file, which no
// process has open.
//
// For the networks "tcp", "tcp4", "tcp6", "unix" and "unixpacket" it acts like
// [net.Listen], for "udp", "udp4", "udp6" and "unixgram" like [net.ListenPacket].
//
// Errors: those of package net; errors.ErrUnsupported for other networks, and on
// systems where a process cannot inherit a socket.
func Listen(network, address string) (*Listener, error) {
	opened, err := openListener(network, address)
	if err != nil {
		return nil, err
	}
	defer opened.Close() // the Listener has its own descriptor
	l, err := ListenerOf(opened)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(network, "unix") && !strings.HasPrefix(address, "@") {
		l.path = address
	}
	return l, nil
}

// A Socket is a socket from which [ListenerOf] makes a [Listener]: a
// *net.TCPListener, *net.UnixListener, *net.UDPConn, *net.UnixConn or
// *systemd.Socket.
type Socket interface {
	// File returns a new descriptor of the socket.
	File() (*os.File, error)
}

// ListenerOf returns a Listener of a socket that is open already, such as one that
// the host has inherited. The caller closes s, at any time. s can no longer accept,
// because its mode becomes blocking.
func ListenerOf(s Socket) (*Listener, error) {
	file, err := s.File()
	if err != nil {
		return nil, fmt.Errorf("file of the socket: %w", err)
	}
	file, addr, err := inheritable(file)
	if err != nil {
		return nil, fmt.Errorf("file of the socket: %w", err)
	}
	return &Listener{sharedSocket: &sharedSocket{addr: addr, file: file}, name: "unknown"}, nil
}

// Named returns a Listener of the same socket with another name for LISTEN_FDNAMES.
// The default name is "unknown", as with systemd.
//
// A name has 1 to 255 printable ASCII characters and no colon. Any other name is a
// fault of the [Command].
func (l *Listener) Named(name string) *Listener { return &Listener{l.sharedSocket, name} }

// Name returns the name of the socket, see [Listener.Named].
func (l *Listener) Name() string { return l.name }

// Addr returns the address of the socket. If the port was 0, it has the port that the
// system has chosen.
func (l *Listener) Addr() net.Addr { return l.addr }

// Close closes the socket with all its names, and removes the socket file that
// [Listen] has created. Processes that have inherited the socket keep it.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	if l.path == "" {
		return l.file.Close()
	}
	return errors.Join(os.Remove(l.path), l.file.Close())
}

func (l *Listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (c Command) checkListeners(f *faults) {
	for i, l := range c.Listeners {
		field := fmt.Sprintf("Listeners[%d]", i)
		switch {
		case l == nil || l.sharedSocket == nil:
			f.add(field, "is nil: use a Listener from Listen, or leave the entry out")
		case l.isClosed():
			f.add(field, "%v is closed: close the Listener after the supervisor has ended", l.addr)
		}
		if l != nil && l.sharedSocket != nil && !validName(l.name) {
			f.add(field, "%q is not a name of a socket: use 1 to 255 ASCII characters without a colon", l.name)
		}
	}
}

// validName reports whether a name is valid in LISTEN_FDNAMES.
func validName(name string) bool {
	return len(name) >= 1 && len(name) <= 255 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' })
}

func (c Command) listenerFiles() []*os.File {
	var files []*os.File
	for _, l := range c.Listeners {
		files = append(files, l.file)
	}
	return files
}

const listenPidVariable = "LISTEN_PID"

// listenEnviron adds the variables of the sockets to an environment. LISTEN_PID is
// the last entry, where [writeListenPid] expects it.
func (c Command) listenEnviron(env []string) []string {
	if len(c.Listeners) == 0 {
		return env
	}
	names := make([]string, len(c.Listeners))
	for i, l := range c.Listeners {
		names[i] = l.name
	}
	env = append(withoutVariables(env, "LISTEN_PIDFDID"), fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	if runtime.GOOS == "linux" {
		env = append(env, listenPidVariable+"="+pidPlaceholder)
	}
	return env
}

// pidPlaceholder reserves space for the id of a process, which is not known before
// the fork.
const pidPlaceholder = "0000000000"
