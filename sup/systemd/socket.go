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

// Listener returns a new listener of a stream socket. Each incarnation of a worker
// should call it, and close its listener in the end. Connections that were not
// accepted wait for the next listener.
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
// order of LISTEN_FDS, and none if no socket unit has started it. All calls return
// the same sockets.
//
// The first call removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from the
// environment, so that child processes do not take them for their own.
//
// The error names the variable whose value is invalid.
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
