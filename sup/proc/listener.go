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

// A Listener is a socket that the host opens once and each incarnation of a
// process inherits, see [Command].Listeners. Between two incarnations, the
// connections of clients wait in the queue of the socket, so that a restart
// refuses none.
//
// The process finds its sockets by the convention of systemd's socket activation,
// which sd_listen_fds(3), package sup/systemd and many programs implement. The
// sockets are its descriptors from 3, in the order of Command.Listeners.
// LISTEN_FDS is their number, LISTEN_FDNAMES has their names, separated by colons,
// and LISTEN_PID is the id of the process.
//
// LISTEN_PID is set on Linux only. To set it, the process is started under
// ptrace(2), see [Limits].Rlimits. If ptrace is not allowed, the start fails, and
// the file of a socket can be one of Command.ExtraFiles instead.
//
// The caller of [Listen] closes the Listener when the supervisor has ended.
// Several children may have the same Listener. The system then gives each
// connection to one of the processes that accept. The socket is in blocking mode
// at first, and a process that changes the mode changes it for later incarnations
// too. Since the socket is always open, [ReadyTCP] and [LiveTCP] say nothing
// about a process that has it.
//
// All methods are safe for concurrent use.
type Listener struct {
	*listener
	name string
}

// listener is what a Listener shares with those of other names.
type listener struct {
	addr net.Addr
	path string // to be removed, of a socket in the file system, or ""

	mu     sync.Mutex // protects closed
	file   *os.File
	closed bool
}

// Listen opens a socket for processes: with the networks "tcp", "tcp4", "tcp6",
// "unix" and "unixpacket" as [net.Listen], with "udp", "udp4", "udp6" and
// "unixgram" as [net.ListenPacket]. A socket file that no process has open any
// more is replaced.
//
// Errors: those of package net; errors.ErrUnsupported for other networks, and
// where a process cannot inherit a socket.
func Listen(network, address string) (*Listener, error) {
	opened, err := open(network, address)
	if err != nil {
		return nil, fmt.Errorf("proc: %w", err)
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

// A Socket is what can become a [Listener]: a *net.TCPListener,
// *net.UnixListener, *net.UDPConn or *net.UnixConn, or a *systemd.Socket.
type Socket interface {
	// File returns another descriptor of the same socket.
	File() (*os.File, error)
}

// ListenerOf returns a Listener of a socket that is open already, such as one
// that the host itself has inherited. s remains the caller's. It may be closed at
// once, and must not be used to accept any more, because its mode becomes blocking.
func ListenerOf(s Socket) (*Listener, error) {
	file, err := s.File()
	if err != nil {
		return nil, fmt.Errorf("proc: the file of a socket: %w", err)
	}
	file, addr, err := inheritable(file)
	if err != nil {
		return nil, fmt.Errorf("proc: the file of a socket: %w", err)
	}
	return &Listener{listener: &listener{addr: addr, file: file}, name: "unknown"}, nil
}

// Named returns the same socket under another name, for LISTEN_FDNAMES. Default:
// "unknown", as with systemd. A name has 1 to 255 printable characters of ASCII
// and no colon. Any other is a fault of the [Command].
func (l *Listener) Named(name string) *Listener { return &Listener{l.listener, name} }

// Name returns the name.
func (l *Listener) Name() string { return l.name }

// Addr returns the address of the socket, with the port that the system has
// chosen if it was 0.
func (l *Listener) Addr() net.Addr { return l.addr }

// Close closes the socket, under all its names, and removes it from the file
// system if [Listen] has put it there. Processes that have it keep it.
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
		case l == nil || l.listener == nil:
			f.add(field, "is nil: give what Listen returns, or leave it out")
		case l.isClosed():
			f.add(field, "%v is closed: close it when the supervisor has ended", l.addr)
		}
		if l != nil && l.listener != nil && !validName(l.name) {
			f.add(field, "%q is no name of a socket: use 1 to 255 characters of ASCII without a colon", l.name)
		}
	}
}

// validName reports whether LISTEN_FDNAMES can hold a name.
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

// listenEnviron is an environment with what it says of the sockets. The entry of
// LISTEN_PID is the last one, where [writeListenPid] finds it.
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
		env = append(env, listenPidVariable+"="+noPid)
	}
	return env
}

// noPid keeps the place of the id of a process, which is not known before it
// runs.
const noPid = "0000000000"
