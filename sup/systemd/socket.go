package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A Socket is one that systemd, or a proc.Listener of the host, has opened for
// this program. It stays open until the program ends.
type Socket struct {
	name string
	file *os.File
}

// Name returns the name that the socket unit gives (FileDescriptorName), or
// "unknown".
func (s *Socket) Name() string { return s.name }

// Listener returns a new listener of a stream socket. Each call returns one of its
// own, so that every incarnation of a worker can close the one that it has:
// connections that nobody has accepted wait for the next one.
func (s *Socket) Listener() (net.Listener, error) {
	l, err := net.FileListener(s.file)
	if err != nil {
		return nil, fmt.Errorf("systemd: socket %s: %w", s.name, err)
	}
	return l, nil
}

// PacketConn is [Socket.Listener] for a datagram socket.
func (s *Socket) PacketConn() (net.PacketConn, error) {
	conn, err := net.FilePacketConn(s.file)
	if err != nil {
		return nil, fmt.Errorf("systemd: socket %s: %w", s.name, err)
	}
	return conn, nil
}

// File returns a new descriptor of the socket, of whatever kind that is. With it,
// proc.ListenerOf makes a socket one of child processes.
func (s *Socket) File() (*os.File, error) {
	file, err := duplicate(s.file)
	if err != nil {
		return nil, fmt.Errorf("systemd: socket %s: %w", s.name, err)
	}
	return file, nil
}

// Sockets returns the sockets that systemd has opened for this program, in the
// order of its units: none if it was not started by a socket unit. The same ones
// are returned by all calls.
//
// The first call takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the
// environment, so that the processes that the program starts do not mistake them
// for theirs.
//
// The error says which variable has a value that cannot be.
func Sockets() ([]*Socket, error) { return taken() }

var taken = sync.OnceValues(func() ([]*Socket, error) {
	sockets, err := take(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"))
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	return sockets, err
})

const (
	firstSocket = 3       // SD_LISTEN_FDS_START
	maxSockets  = 1 << 20 // more descriptors than a process has
)

// take makes sockets of what the variables say.
func take(pid, count, names string) ([]*Socket, error) {
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // they are for another process
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("systemd: LISTEN_FDS is %q: it must be a number of descriptors", count)
	}
	name := make([]string, 0, n)
	if names != "" {
		name = strings.Split(names, ":")
		if len(name) != n {
			return nil, fmt.Errorf("systemd: LISTEN_FDNAMES %q has %d names, and LISTEN_FDS is %d: both must be the same", names, len(name), n)
		}
	}
	for fd := firstSocket; fd < firstSocket+n; fd++ {
		if err := checkOpen(fd); err != nil {
			return nil, fmt.Errorf("systemd: LISTEN_FDS is %d, but descriptor %d: %w", n, fd, err)
		}
	}
	sockets := make([]*Socket, n)
	for i := range sockets {
		sockets[i] = &Socket{"unknown", inherit(firstSocket + i)}
		if len(name) > 0 && name[i] != "" {
			sockets[i].name = name[i]
		}
	}
	return sockets, nil
}
