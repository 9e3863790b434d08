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

// A notifySocket is the datagram socket to which a process sends the messages of
// sd_notify(3).
type notifySocket struct {
	conn *net.UnixConn
	dir  *leftover.Dir // has the socket file; nil for an abstract socket
	emit func(message string)
	buf  [maxDatagram + 1]byte
	oob  [oobSize]byte
}

const (
	// maxDatagram is the maximum size of a datagram, as with systemd.
	maxDatagram = 4 << 10
	// maxDrain is how many datagrams are read after the end of the process.
	maxDrain = 1 << 10
	// oobSize is enough for the credentials of the sender, and for the 253 descriptors
	// that a message can carry.
	oobSize = 2 << 10
)

// notifyDirs is the prefix of the names of the directories.
const notifyDirs = "proc-notify-"

// sweepNotifyDirs removes the directories of hosts that were killed.
var sweepNotifyDirs = sync.OnceFunc(func() { _, _ = leftover.Sweep(os.TempDir(), notifyDirs+"*") })

// listenNotify opens a socket in a directory of its own. If it cannot create the
// directory, it uses an abstract socket. Some programs do not support those, and
// programs in another network namespace cannot reach them.
func listenNotify(emit func(string)) (*notifySocket, error) {
	sweepNotifyDirs()
	s := &notifySocket{emit: emit}
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
		return fmt.Errorf("%s: path of %d bytes, a socket allows %d: set TMPDIR to a shorter directory", address, len(address), size-1)
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error // set before bind, so that the kernel adds credentials to the first datagram
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
	// A process that root has started may change its user before it sends. Access for
	// all is safe, because the sender of each datagram is checked.
	directory, socket := os.FileMode(0o700), os.FileMode(0o600)
	if os.Geteuid() == 0 {
		directory, socket = 0o711, 0o666
	}
	return errors.Join(os.Chmod(address, socket), os.Chmod(s.dir.Path(), directory))
}

// environ adds the address of the socket to an environment.
func (s *notifySocket) environ(env []string) []string {
	return append(env, socketVariable+"="+s.conn.LocalAddr().String())
}

// serve reads datagrams until finish is called, and then those that have arrived.
func (s *notifySocket) serve(p *Process) {
	defer s.remove()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return
	}
	for err == nil {
		err = raw.Read(func(fd uintptr) bool { return s.receive(int(fd), p) })
	}
	_ = s.conn.SetReadDeadline(time.Time{}) // a past deadline would fail all reads
	_ = raw.Read(func(fd uintptr) bool {
		for n := 0; n < maxDrain && s.receive(int(fd), p); n++ {
		}
		return true
	})
}

// finish ends serve. It is called after the end of the process.
func (s *notifySocket) finish() {
	if s != nil {
		_ = s.conn.SetReadDeadline(time.Unix(0, 0))
	}
}

// remove closes the socket, and removes its directory.
func (s *notifySocket) remove() {
	if s == nil {
		return
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.dir != nil {
		_ = s.dir.Remove() // the next host removes what remains
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
	// With BARRIER=1, the sender waits until its descriptor is closed, which means that
	// the messages before it are read.
	defer func() {
		for _, fd := range descriptors {
			unix.Close(fd)
		}
	}()
	if n > maxDatagram || flags&unix.MSG_TRUNC != 0 || !p.isMember(sender) {
		return true
	}
	for message := range strings.SplitSeq(string(s.buf[:n]), "\n") {
		if message != "" {
			s.emit(message)
		}
	}
	return true
}

// parseOOB returns the sender of a datagram, or 0 if it is unknown, and the
// descriptors that came with the datagram.
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

// isMember reports whether a process is the started one, or a member of its group or
// control group.
func (p *Process) isMember(pid int) bool {
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
