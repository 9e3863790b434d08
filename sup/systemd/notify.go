package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// sendTimeout is how long a message may wait in a full queue of systemd.
const sendTimeout = 5 * time.Second

// Notify sends messages to systemd in one datagram, such as "STATUS=warming up".
// sd_notify(3) lists the messages, and [Follow] sends the usual ones. Notify returns
// false and no error if NOTIFY_SOCKET is not in the environment.
//
// Errors: a message that is not "NAME=value" in one line; a NOTIFY_SOCKET that is
// neither an absolute path nor begins with "@"; an error of package net. A datagram
// that cannot be sent within 5 s is dropped with an error.
func Notify(messages ...string) (bool, error) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return false, nil
	}
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return false, fmt.Errorf("NOTIFY_SOCKET %q: neither an absolute path nor \"@name\": %w", address, errors.ErrUnsupported)
	}
	for _, message := range messages {
		if strings.Index(message, "=") < 1 || strings.Contains(message, "\n") {
			return false, fmt.Errorf("%q is not a message: write \"NAME=value\", in one line", message)
		}
	}
	if len(messages) == 0 {
		return false, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return false, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(sendTimeout)) // if it fails, so does the write
	if _, err := conn.Write([]byte(strings.Join(messages, "\n"))); err != nil {
		return false, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return true, nil
}
