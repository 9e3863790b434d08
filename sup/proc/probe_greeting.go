package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"
)

// maxGreeting is how many bytes of a greeting are read, at most.
const maxGreeting = 4 << 10

// LiveGreeting returns a probe that connects to address, "host:port", and expects a
// greeting that matches the pattern.
//
// A greeting is what a server sends first, such as "220 " in SMTP or "SSH-" in SSH. The
// probe itself sends nothing. The pattern is compared with all that the server has sent,
// up to 4 KiB. `(?s).` matches any byte.
func LiveGreeting(address string, pattern *regexp.Regexp) LiveProbe {
	return LiveProbe{probe: probeGreeting(address, pattern), fault: greetingFault("LiveGreeting", address, pattern)}
}

// ReadyGreeting makes a process ready when any process at address, "host:port", sends a
// greeting that matches the pattern, see [LiveGreeting].
func ReadyGreeting(address string, pattern *regexp.Regexp) Readiness {
	return Readiness{
		description: "a greeting from " + address,
		probe:       probeGreeting(address, pattern),
		fault:       greetingFault("ReadyGreeting", address, pattern),
	}
}

func probeGreeting(address string, pattern *regexp.Regexp) probe {
	return func(ctx context.Context, _ *Process) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // ends a Read
		buffer, n := make([]byte, maxGreeting), 0
		for n < len(buffer) {
			var more int
			more, err = conn.Read(buffer[n:])
			if n += more; pattern.Match(buffer[:n]) {
				return nil
			}
			if err != nil {
				break
			}
		}
		switch {
		case ctx.Err() != nil && n == 0:
			return fmt.Errorf("greeting of %s: %w", address, context.Cause(ctx))
		case n == 0 && errors.Is(err, io.EOF):
			return fmt.Errorf("greeting of %s: connection closed", address)
		case n == 0:
			return fmt.Errorf("greeting of %s: %w", address, err)
		}
		return fmt.Errorf("greeting of %s: %q does not match %q", address, buffer[:min(n, 200)], pattern)
	}
}

// greetingFault returns what is wrong with the arguments of a probe, or "".
func greetingFault(function, address string, pattern *regexp.Regexp) string {
	if pattern == nil {
		return function + "(…, nil): use a regular expression"
	}
	return addressFault(address)
}
