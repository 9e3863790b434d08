package proc

import (
	"fmt"
	"os"
	"strconv"
)

// NotifyVariable is the environment variable in which a process finds the
// number of the descriptor for [ReadyNotify] and [LiveNotify].
const NotifyVariable = "NOTIFY_FD"

// socketVariable is the environment variable in which a process finds the
// address of the socket of sd_notify(3).
const socketVariable = "NOTIFY_SOCKET"

// Messages that a process can send.
const (
	// NotifyReady says that the process is ready.
	NotifyReady = "READY=1"
	// NotifyAlive says that the process is alive.
	NotifyAlive = "WATCHDOG=1"
	// notifyTrigger says that it is not.
	notifyTrigger = "WATCHDOG=trigger"
)

// Notify sends a message to the host of this process, if there is one that
// wants to know: in a process that was not started with [ReadyNotify] or
// [LiveNotify] it does nothing and returns false. Programs in other languages
// write the message and a newline to the descriptor.
func Notify(message string) (bool, error) {
	number := os.Getenv(NotifyVariable)
	if number == "" {
		return false, nil
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return false, fmt.Errorf("proc: %s is %q: it must be the number of a descriptor", NotifyVariable, number)
	}
	if err := writeFD(fd, message+"\n"); err != nil {
		return false, fmt.Errorf("proc: notify: %w", os.NewSyscallError("write", err))
	}
	return true, nil
}

// messages takes apart what comes on the descriptor: lines NAME=value, and for
// those who can do no more, any byte that is no capital letter where a line
// could begin, which means READY=1.
type messages struct {
	tell func(message string)
	line []byte
}

// maxMessage bounds a line.
const maxMessage = 256

func (m *messages) write(b []byte) {
	for _, c := range b {
		switch {
		case len(m.line) == 0 && (c < 'A' || c > 'Z'):
			m.tell(NotifyReady)
		case c == '\n':
			m.flush()
		case len(m.line) < maxMessage:
			m.line = append(m.line, c)
		}
	}
}

func (m *messages) flush() {
	if len(m.line) > 0 {
		m.tell(string(m.line))
		m.line = m.line[:0]
	}
}
