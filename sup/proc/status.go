package proc

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A Status is what a process has last said about itself with the messages of
// sd_notify(3), see [ReadyNotify].
type Status struct {
	Text      string        // "STATUS=…": for people; at most 1 KiB, and valid UTF-8
	Errno     syscall.Errno // "ERRNO=…": why it fails
	Reloading bool          // from "RELOADING=1" to "READY=1"
	Stopping  bool          // from "STOPPING=1" on
}

// maxStatus bounds Status.Text.
const maxStatus = 1 << 10

// statusBox keeps the status of a process.
type statusBox struct {
	mu     sync.Mutex // protects status
	status Status
}

func (b *statusBox) get() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// hear takes in a message.
func (b *statusBox) hear(message string) {
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

// Status returns what the process has last said about itself, also after its end.
// It is zero for a process without [ReadyNotify] or [LiveNotify].
func (p *Process) Status() Status { return p.status.get() }

// last is how the status goes into the text of an error.
func (s Status) last() string {
	var text string
	if s.Text != "" {
		text = fmt.Sprintf("; its last status: %q", s.Text)
	}
	if s.Errno != 0 {
		text += fmt.Sprintf("; its error: %v", s.Errno)
	}
	return text
}
