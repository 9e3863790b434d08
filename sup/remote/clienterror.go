package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A clientError is an error between the client and the server.
type clientError struct {
	address string
	kind    error // a sentinel of this package, or context.DeadlineExceeded
	text    string
	cause   error
}

func (e *clientError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.address, e.kind, e.text)
}

func (e *clientError) Unwrap() []error { return []error{e.kind, e.cause} }

// A dialError reports that there was no connection, so that nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

func isDial(err error) bool {
	_, ok := errors.AsType[*dialError](err)
	return ok
}

// wrapError returns the error of a call for the caller. An error of the tree is
// returned unchanged.
func (c *Client) wrapError(ctx context.Context, op, path string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*connect.Error](err)
	if ok && answer.IsRemote() {
		if tree := wire.DecodeConnectError(answer); tree != nil {
			return tree
		}
	}
	if ctx.Err() != nil {
		return &sup.CallError{Op: op, Path: path, Err: context.Cause(ctx)}
	}
	kind := ErrProtocol
	text := err.Error()
	if ok {
		text = answer.Message()
	}
	switch {
	case isTLSAlert(err):
		kind = ErrDenied
	case isDial(err) && errors.Is(err, fs.ErrPermission):
		kind = ErrDenied
		text = fmt.Sprintf("uid %d may not connect: %s", os.Getuid(), text)
	case isUntrusted(err):
		kind = ErrUntrusted
	case !ok || isDial(err):
		kind = ErrUnreachable
	case !answer.IsRemote() && isLost(answer):
		kind = ErrUnreachable
		if c.isCertificateRejected(ctx) {
			kind = ErrDenied
		}
	case !answer.IsRemote():
	case answer.Code() == connect.CodeUnauthenticated, answer.Code() == connect.CodePermissionDenied:
		kind = ErrDenied
	case answer.Code() == connect.CodeUnavailable:
		kind = ErrUnreachable
	case answer.Code() == connect.CodeResourceExhausted && op == opWatch:
		kind = ErrBusy
	case answer.Code() == connect.CodeDeadlineExceeded:
		kind = context.DeadlineExceeded
	}
	return &clientError{c.address, kind, text, err}
}

// isLost reports whether the connection failed, as opposed to the protocol.
func isLost(answer *connect.Error) bool {
	_, broken := errors.AsType[*net.OpError](answer)
	return broken || errors.Is(answer, io.ErrUnexpectedEOF) ||
		answer.Code() == connect.CodeUnavailable || answer.Code() == connect.CodeCanceled
}

// isTLSAlert reports whether the server aborted the TLS handshake, because it
// requires a certificate or another one.
func isTLSAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// probeTimeout limits the handshake and the wait for an alert.
const probeTimeout = time.Second

// isCertificateRejected reports whether the server rejects the client's certificate.
// In TLS 1.3 the alert arrives after the handshake, and is lost if the client is
// sending at that moment. So this connects again and sends nothing.
func (c *Client) isCertificateRejected(ctx context.Context) bool {
	if !c.secure {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := c.dialer.connect(ctx, c.address, true)
	if err != nil {
		return false
	}
	defer conn.Close()
	config := c.dialer.clientTLS()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(c.address)
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return isTLSAlert(err)
	}
	if err := t.SetReadDeadline(time.Now().Add(probeTimeout)); err != nil {
		return false
	}
	_, err = t.Read(make([]byte, 1))
	return isTLSAlert(err)
}

// isUntrusted reports whether the client rejected the certificate or the user of the
// server.
func isUntrusted(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, user := errors.AsType[*untrustedServerError](err)
	return certificate || user
}
