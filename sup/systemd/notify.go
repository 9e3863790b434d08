package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// sendTime is how long a message may wait for systemd to read others.
const sendTime = 5 * time.Second

// Notify sends messages to systemd, such as "STATUS=warming up", together in one
// datagram. They are listed in sd_notify(3), and [Follow] sends the usual ones.
// Notify returns false and no error if NOTIFY_SOCKET is not in the environment.
//
// Errors: a message that is not "NAME=value" in one line; a NOTIFY_SOCKET that is
// neither an absolute path nor begins with "@"; those of package net. A datagram
// that cannot be sent within 5 s is given up.
func Notify(messages ...string) (bool, error) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return false, nil
	}
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return false, fmt.Errorf("systemd: NOTIFY_SOCKET is %q: only an absolute path, or \"@name\", is supported: %w", address, errors.ErrUnsupported)
	}
	for _, message := range messages {
		if strings.Index(message, "=") < 1 || strings.Contains(message, "\n") {
			return false, fmt.Errorf("systemd: %q is no message: write \"NAME=value\", in one line", message)
		}
	}
	if len(messages) == 0 {
		return false, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return false, fmt.Errorf("systemd: %w", err)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(sendTime)) // the write would fail too
	if _, err := conn.Write([]byte(strings.Join(messages, "\n"))); err != nil {
		return false, fmt.Errorf("systemd: %w", err)
	}
	return true, nil
}
