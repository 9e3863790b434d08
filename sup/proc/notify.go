package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// A Status is what a process has last reported about itself, with the messages of
// sd_notify(3), see [ReadyNotify].
type Status struct {
	Text      string        // from "STATUS=…", for people; at most 1 KiB of valid UTF-8
	Errno     syscall.Errno // from "ERRNO=…", the reason of a failure
	Reloading bool          // true from "RELOADING=1" to "READY=1"
	Stopping  bool          // true from "STOPPING=1" on
}

// maxStatus is the maximum length of Status.Text.
const maxStatus = 1 << 10

// lastStatus holds the status of a process.
type lastStatus struct {
	mu     sync.Mutex // guards status
	status Status
}

func (b *lastStatus) get() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// apply updates the status by a message.
func (b *lastStatus) apply(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, value, _ := strings.Cut(message, "=")
	switch name {
	case "STATUS":
		text := strings.ToValidUTF8(value, "\uFFFD")
		if len(text) > maxStatus {
			text = string(wholeRunes([]byte(text[:maxStatus])))
		}
		b.status.Text = text
	case "ERRNO":
		if number, err := strconv.ParseUint(value, 10, 16); err == nil {
			b.status.Errno = syscall.Errno(number)
		}
	case "READY":
		b.status.Reloading = b.status.Reloading && value != "1"
	case "RELOADING":
		b.status.Reloading = value == "1"
	case "STOPPING":
		b.status.Stopping = value == "1"
	}
}

// Status returns the last status that the process has sent, also after its end. It is
// zero without [ReadyNotify] and [LiveNotify].
func (p *Process) Status() Status { return p.status.get() }

// errorText is the part of an error text that has the status.
func (s Status) errorText() string {
	var text string
	if s.Text != "" {
		text = fmt.Sprintf("; last status: %q", s.Text)
	}
	if s.Errno != 0 {
		text += fmt.Sprintf("; reported error: %v", s.Errno)
	}
	return text
}
