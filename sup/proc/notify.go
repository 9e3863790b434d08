package proc

import (
	"fmt"
	"os"
	"strconv"
)

// NotifyVariable is the environment variable with the number of the descriptor for
// [ReadyNotify] and [LiveNotify].
const NotifyVariable = "NOTIFY_FD"

// socketVariable is the environment variable with the address of the socket of
// sd_notify(3).
const socketVariable = "NOTIFY_SOCKET"

// The messages that a process can send.
const (
	// NotifyReady is the message of a process that is ready.
	NotifyReady = "READY=1"
	// NotifyAlive is the message of a process that is alive.
	NotifyAlive = "WATCHDOG=1"
	// notifyTrigger is the message of a process that is unhealthy.
	notifyTrigger = "WATCHDOG=trigger"
)

// Notify sends a message from this process to its host. It returns false and no error
// if the process was not started with [ReadyNotify] or [LiveNotify].
//
// Programs in other languages write the message and a newline to the descriptor.
func Notify(message string) (bool, error) {
	number := os.Getenv(NotifyVariable)
	if number == "" {
		return false, nil
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return false, fmt.Errorf("%s %q: not the number of a descriptor", NotifyVariable, number)
	}
	if err := writeFD(fd, message+"\n"); err != nil {
		return false, fmt.Errorf("notify: %w", os.NewSyscallError("write", err))
	}
	return true, nil
}

// messageParser splits the data from the descriptor into messages: lines NAME=value.
// For simple programs, a byte that is not a capital letter at the beginning of a line
// means READY=1.
type messageParser struct {
	emit func(message string)
	line []byte
}

// maxMessage is the maximum length of a message. The rest of the line is dropped.
const maxMessage = 256

func (m *messageParser) write(b []byte) {
	for _, c := range b {
		switch {
		case len(m.line) == 0 && (c < 'A' || c > 'Z'):
			m.emit(NotifyReady)
		case c == '\n':
			m.flush()
		case len(m.line) < maxMessage:
			m.line = append(m.line, c)
		}
	}
}

func (m *messageParser) flush() {
	if len(m.line) > 0 {
		m.emit(string(m.line))
		m.line = m.line[:0]
	}
}
