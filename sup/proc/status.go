package proc

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

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
