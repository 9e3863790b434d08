package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A Socket is a socket that systemd, or the host of a proc.Listener, has opened for
// this program. It stays open until the program ends.
type Socket struct {
	name string
	file *os.File
}

// Name returns the FileDescriptorName of the socket unit, or "unknown".
func (s *Socket) Name() string { return s.name }

// Listener returns a new listener of a stream socket.
//
// Each incarnation of a worker should call it, and close its listener at the end.
// Connections that were not accepted wait for the next listener.
func (s *Socket) Listener() (net.Listener, error) {
	l, err := net.FileListener(s.file)
	if err != nil {
		return nil, s.wrap(err)
	}
	return l, nil
}

// PacketConn returns a new connection of a datagram socket, like [Socket.Listener].
func (s *Socket) PacketConn() (net.PacketConn, error) {
	conn, err := net.FilePacketConn(s.file)
	if err != nil {
		return nil, s.wrap(err)
	}
	return conn, nil
}

// File returns a new descriptor of a socket of any kind. proc.ListenerOf uses it to
// pass the socket on to child processes.
func (s *Socket) File() (*os.File, error) {
	file, err := duplicate(s.file)
	if err != nil {
		return nil, s.wrap(err)
	}
	return file, nil
}

func (s *Socket) wrap(err error) error { return fmt.Errorf("socket %s: %w", s.name, err) }

// Sockets returns the sockets that systemd has opened for this program, in the order
// of LISTEN_FDS. There are none if no socket unit has started the program. All calls
// return the same sockets.
//
// The first call removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from the
// environment, so that child processes do not use them.
//
// The error names the variable with an invalid value.
func Sockets() ([]*Socket, error) { return fromEnviron() }

var fromEnviron = sync.OnceValues(func() ([]*Socket, error) {
	sockets, err := parseSockets(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"))
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	return sockets, err
})

const (
	firstSocket = 3       // SD_LISTEN_FDS_START
	maxSockets  = 1 << 20 // more descriptors than a process can have
)

// parseSockets returns the sockets that the values of the variables describe.
func parseSockets(pid, count, names string) ([]*Socket, error) {
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // the variables are meant for another process
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("LISTEN_FDS %q: not a number of descriptors", count)
	}
	name := make([]string, 0, n)
	if names != "" {
		name = strings.Split(names, ":")
		if len(name) != n {
			return nil, fmt.Errorf("LISTEN_FDNAMES %q: %d names for LISTEN_FDS %d", names, len(name), n)
		}
	}
	for fd := firstSocket; fd < firstSocket+n; fd++ {
		if err := checkOpen(fd); err != nil {
			return nil, fmt.Errorf("LISTEN_FDS %d: descriptor %d: %w", n, fd, err)
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
