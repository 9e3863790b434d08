package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A Client is the controller of a tree in another program. Its methods do what
// those of [sup.Control] do, and return the same errors, and besides them
// [ErrUnreachable], [ErrUntrusted], [ErrDenied], [ErrBusy], [ErrProtocol] and
// [ErrEnding]. Errors of the other program's own are their text; they wrap what
// they did there, as far as that is of package sup or of the standard library.
//
// All methods are safe for concurrent use.
type Client struct {
	dialer    Dialer
	address   string
	secure    bool
	transport *http.Transport
	control   espalierv1connect.ControlClient
	program   atomic.Pointer[string] // that answered the last stream
}

// Close closes the connections. Calls that are under way go on.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// authorize sends the token along.
func (c *Client) authorize(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		if info, ok := connect.CallInfoForClientContext(ctx); ok && c.dialer.Token != "" {
			info.RequestHeader().Set("Authorization", "Bearer "+c.dialer.Token)
		}
		return next(ctx, spec)
	}
}

// Status is that of [sup.Inspector].
func (c *Client) Status(ctx context.Context, path string) (status sup.Status, err error) {
	err = c.query(ctx, path, func(ctx context.Context) error {
		m, err := c.control.Status(ctx, &pb.StatusRequest{Path: wire.EncodePath(path)})
		status = wire.DecodeStatus(m)
		return err
	})
	return zeroUnless(err, status), err
}

// Tree is that of [sup.Inspector]. Of a tree whose errors and stacks have more
// than 16 MiB, the last ones are cut short.
func (c *Client) Snapshot(ctx context.Context, path string) (tree sup.SupervisorInfo, err error) {
	err = c.query(ctx, path, func(ctx context.Context) error {
		m, err := c.control.Snapshot(ctx, &pb.SnapshotRequest{Path: wire.EncodePath(path)})
		tree = wire.DecodeSupervisor(m.GetSupervisor())
		return err
	})
	return zeroUnless(err, tree), err
}

// Children is that of [sup.Inspector], with the bound of Tree.
func (c *Client) Children(ctx context.Context, path string) (children []sup.ChildInfo, err error) {
	err = c.query(ctx, path, func(ctx context.Context) error {
		m, err := c.control.Children(ctx, &pb.ChildrenRequest{Path: wire.EncodePath(path)})
		children = wire.DecodeChildren(m.GetChildren())
		return err
	})
	return zeroUnless(err, children), err
}

// Child is that of [sup.Inspector].
func (c *Client) Child(ctx context.Context, path string) (child sup.ChildInfo, err error) {
	err = c.query(ctx, path, func(ctx context.Context) error {
		m, err := c.control.Child(ctx, &pb.ChildRequest{Path: wire.EncodePath(path)})
		child = wire.DecodeChild(m.GetChild())
		return err
	})
	return zeroUnless(err, child), err
}

// Stacks is that of [sup.Inspector]; 16 MiB at most.
func (c *Client) Stacks(ctx context.Context, path string) (stacks string, err error) {
	err = c.query(ctx, path, func(ctx context.Context) error {
		m, err := c.control.Stacks(ctx, &pb.StacksRequest{Path: wire.EncodePath(path)})
		stacks = m.GetStacks()
		return err
	})
	return zeroUnless(err, stacks), err
}

// StartChild is that of [sup.Controller].
func (c *Client) StartChild(ctx context.Context, path, key string) (child sup.ChildInfo, err error) {
	err = c.operate(ctx, "start child", path, func(ctx context.Context, wait *durationpb.Duration) error {
		r := &pb.StartChildRequest{Path: wire.EncodePath(path), Wait: wait}
		r.Key, r.RawKey = wire.EncodeID(key)
		m, err := c.control.StartChild(ctx, r)
		child = wire.DecodeChild(m.GetChild())
		return err
	})
	return zeroUnless(err, child), err
}

// Terminate is that of [sup.Controller].
func (c *Client) TerminateChild(ctx context.Context, t sup.Target) error {
	return c.operate(ctx, "terminate", t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		_, err := c.control.TerminateChild(ctx, &pb.TerminateChildRequest{Target: target(t, wait)})
		return err
	})
}

// Restart is that of [sup.Controller].
func (c *Client) RestartChild(ctx context.Context, t sup.Target) error {
	return c.operate(ctx, "restart", t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		_, err := c.control.RestartChild(ctx, &pb.RestartChildRequest{Target: target(t, wait)})
		return err
	})
}

// Replace stops a child, if it is up, and starts it again, in one call. Once the
// child was told to stop, the server sees to its start, even if the connection
// is lost or ctx ends; no longer than its [Config.CallTimeout], though, or until
// it ends itself. Errors: [ErrSelf] for what the server is within;
// [sup.ErrRunning] for a temporary child that is up, which would be dropped;
// [sup.ErrRestarting] if another call replaces it already; and those of Terminate
// and Restart.
func (c *Client) Replace(ctx context.Context, t sup.Target) error {
	return c.operate(ctx, "restart", t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		_, err := c.control.Replace(ctx, &pb.ReplaceRequest{Target: target(t, wait)})
		return err
	})
}

// Delete is that of [sup.Controller].
func (c *Client) DeleteChild(ctx context.Context, t sup.Target) error {
	return c.operate(ctx, "delete", t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		_, err := c.control.DeleteChild(ctx, &pb.DeleteChildRequest{Target: target(t, wait)})
		return err
	})
}

// Shutdown is that of [sup.Controller]. A server that is itself part of what
// shuts down ends when its turn comes; if anything else is left by then, the
// error is a [sup.StuckError] that lists it and wraps [ErrEnding].
func (c *Client) Shutdown(ctx context.Context, t sup.Target) error {
	return c.operate(ctx, "shut down", t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		_, err := c.control.Shutdown(ctx, &pb.ShutdownRequest{Target: target(t, wait), Whole: t.Path == ""})
		return err
	})
}

func target(t sup.Target, wait *durationpb.Duration) *pb.Target {
	return &pb.Target{Path: wire.EncodePath(t.Path), Incarnation: int32(min(t.Incarnation, math.MaxInt32)), Wait: wait}
}

func zeroUnless[T any](err error, v T) T {
	if err != nil {
		var zero T
		return zero
	}
	return v
}

// look makes a call that changes nothing, and so may be made again.
func (c *Client) query(ctx context.Context, path string, call func(ctx context.Context) error) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.retry(ctx, func(err error) bool { return errors.Is(err, ErrUnreachable) }, func() error {
		return c.wrapError(ctx, "look at", path, call(ctx))
	})
}

// change makes a call that is made again only if nothing of it was sent. The
// server has a little less time for it than there is, so that it can say what
// was not done by then.
func (c *Client) operate(ctx context.Context, op, path string, call func(ctx context.Context, wait *durationpb.Duration) error) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	again := func(err error) bool {
		return isDial(err) && !errors.Is(err, ErrDenied) && !errors.Is(err, ErrUntrusted)
	}
	return c.retry(ctx, again, func() error {
		deadline, _ := ctx.Deadline()
		left := max(time.Until(deadline), 0)
		wait := left - min(left/10, time.Second/2)
		return c.wrapError(ctx, op, path, call(ctx, durationpb.New(max(wait, time.Millisecond))))
	})
}

func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.dialer.Timeout)
}

// patiently makes a call again, as long as there is patience and the error is
// one for which it may.
func (c *Client) retry(ctx context.Context, again func(error) bool, call func() error) error {
	giveUp := time.Now().Add(c.dialer.Patience)
	for attempt := 0; ; attempt++ {
		err := call()
		if err == nil || !again(err) {
			return err
		}
		wait := c.dialer.pause(attempt)
		if time.Now().Add(wait).After(giveUp) || !sleep(ctx, wait) {
			return err
		}
	}
}

// pause returns the wait before the next attempt, when n have failed before the
// last one.
func (d *Dialer) pause(n int) time.Duration {
	wait := min(float64(d.Backoff.Min)*math.Pow(d.Backoff.Factor, float64(n)), float64(d.Backoff.Max))
	return time.Duration(wait - wait*d.Backoff.Jitter*rand.Float64())
}

// sleep returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func isDial(err error) bool {
	_, ok := errors.AsType[*dialError](err)
	return ok
}

// fault makes of the error of a call what the caller is told.
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
		text = fmt.Sprintf("uid %d is not let in: %s", os.Getuid(), text)
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

// A fault is an error between client and server.
type clientError struct {
	address string
	kind    error
	text    string
	cause   error
}

func (e *clientError) Error() string {
	return fmt.Sprintf("remote: %s: %v: %s", e.address, e.kind, e.text)
}

func (e *clientError) Unwrap() []error { return []error{e.kind, e.cause} }

// isLost reports whether an error is about the connection, and not about what
// was said over it.
func isLost(answer *connect.Error) bool {
	_, broken := errors.AsType[*net.OpError](answer)
	return broken || errors.Is(answer, io.ErrUnexpectedEOF) ||
		answer.Code() == connect.CodeUnavailable || answer.Code() == connect.CodeCanceled
}

// isRefused reports whether the server has refused the TLS handshake, since it
// wants another certificate, or one at all.
func isTLSAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// probeTimeout is for an answer that comes at once, if at all.
const probeTimeout = time.Second

// isShutOut finds out whether the server refuses the client's certificate. In
// TLS 1.3 the client learns that after the handshake, from an alert, which is
// lost if it has something to say at that moment. So here it says nothing.
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

// isUntrusted reports whether the client has refused the certificate of the
// server, or its user.
func isUntrusted(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, user := errors.AsType[*untrustedServerError](err)
	return certificate || user
}

var _ sup.Controller = (*Client)(nil)
