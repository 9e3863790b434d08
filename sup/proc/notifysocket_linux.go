package proc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/espalier-go/espalier/internal/leftover"
)

// A notifySocket is the datagram socket on which one process speaks sd_notify(3).
type notifySocket struct {
	conn *net.UnixConn
	dir  *leftover.Dir // holds the socket, nil if that is an abstract one
	tell func(message string)
	buf  [maxDatagram + 1]byte
	oob  [oobSize]byte
}

const (
	// maxDatagram is the size up to which a datagram counts, as with systemd.
	maxDatagram = 4 << 10
	// maxDrain is how many datagrams are read when the process has ended.
	maxDrain = 1 << 10
	// oobSize has room for what the kernel says of the sender, and for the 253
	// descriptors that a message can have.
	oobSize = 2 << 10
)

// notifyDirs is what the names of the directories begin with.
const notifyDirs = "proc-notify-"

// sweepNotifyDirs removes what hosts have left behind that were killed.
var sweepNotifyDirs = sync.OnceFunc(func() { _, _ = leftover.Sweep(os.TempDir(), notifyDirs+"*") })

// listenNotify opens a socket in a directory of its own. Not all programs know
// abstract sockets, nor can those that have a network of their own reach them; so
// one is used only where no directory can be made.
func listenNotify(tell func(string)) (*notifySocket, error) {
	sweepNotifyDirs()
	s := &notifySocket{tell: tell}
	address := "@" + notifyDirs + rand.Text()
	if dir, err := leftover.MkdirTemp("", notifyDirs); err == nil {
		s.dir, address = dir, filepath.Join(dir.Path(), "notify")
	}
	if err := s.listen(address); err != nil {
		s.remove()
		return nil, fmt.Errorf("%s: %w", socketVariable, err)
	}
	return s, nil
}

func (s *notifySocket) listen(address string) error {
	if size := len(unix.RawSockaddrUnix{}.Path); len(address) >= size {
		return fmt.Errorf("%s has %d bytes, and a socket's name at most %d: set TMPDIR to a shorter directory", address, len(address), size-1)
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error // the option comes before the name, or the kernel might not know the first senders
		controlErr := raw.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
		})
		return errors.Join(controlErr, err)
	}}
	conn, err := config.ListenPacket(context.Background(), "unixgram", address)
	if err != nil {
		return err
	}
	s.conn = conn.(*net.UnixConn)
	if s.dir == nil {
		return nil
	}
	// A process that root has started may have become another user before it
	// speaks. The sender of each datagram is checked.
	directory, socket := os.FileMode(0o700), os.FileMode(0o600)
	if os.Geteuid() == 0 {
		directory, socket = 0o711, 0o666
	}
	return errors.Join(os.Chmod(address, socket), os.Chmod(s.dir.Path(), directory))
}

// environ is an environment with the address of the socket.
func (s *notifySocket) environ(env []string) []string {
	return append(env, socketVariable+"="+s.conn.LocalAddr().String())
}

// serve reads what the process sends, until finish is called, and then what is
// left.
func (s *notifySocket) serve(p *Process) {
	defer s.remove()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return
	}
	for err == nil {
		err = raw.Read(func(fd uintptr) bool { return s.receive(int(fd), p) })
	}
	_ = s.conn.SetReadDeadline(time.Time{}) // else it cannot be read at all
	_ = raw.Read(func(fd uintptr) bool {
		for n := 0; n < maxDrain && s.receive(int(fd), p); n++ {
		}
		return true
	})
}

// finish ends serve. It is called when the process has ended.
func (s *notifySocket) finish() {
	if s != nil {
		_ = s.conn.SetReadDeadline(time.Unix(0, 0))
	}
}

// remove closes the socket, and removes it.
func (s *notifySocket) remove() {
	if s == nil {
		return
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.dir != nil {
		_ = s.dir.Remove() // what cannot be removed is left to the next host
	}
}

// receive reads one datagram, and reports whether there was one.
func (s *notifySocket) receive(fd int, p *Process) bool {
	n, oobn, flags, _, err := unix.Recvmsg(fd, s.buf[:], s.oob[:], unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err == unix.EINTR {
		return true
	}
	if err != nil {
		return false
	}
	sender, descriptors := parseOOB(s.oob[:oobn])
	// None of them is kept, and a sender that waits for the messages to be read
	// (BARRIER=1) waits until its descriptor is closed.
	defer func() {
		for _, fd := range descriptors {
			unix.Close(fd)
		}
	}()
	if n > maxDatagram || flags&unix.MSG_TRUNC != 0 || !p.has(sender) {
		return true
	}
	for message := range strings.SplitSeq(string(s.buf[:n]), "\n") {
		if message != "" {
			s.tell(message)
		}
	}
	return true
}

// parseOOB returns the process that has sent a datagram, 0 if that is not known,
// and the descriptors that came with it.
func parseOOB(oob []byte) (sender int, descriptors []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, nil
	}
	for _, m := range messages {
		if credentials, err := unix.ParseUnixCredentials(&m); err == nil {
			sender = int(credentials.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			descriptors = append(descriptors, fds...)
		}
	}
	return sender, descriptors
}

// has reports whether a process is the one that was started, or one of its group
// or control group.
func (p *Process) has(pid int) bool {
	if pid <= 0 {
		return false
	}
	if pid == p.Pid() {
		return true
	}
	if group, err := unix.Getpgid(pid); err == nil && group == p.Pid() {
		return true
	}
	return p.cgroup.has(pid)
}
