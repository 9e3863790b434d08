package remote

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A Client is the controller of a tree in another process. Its methods behave like
// those of [sup.Control] and return the same errors. They also return
// [ErrUnreachable], [ErrUntrusted], [ErrDenied], [ErrBusy], [ErrProtocol] and
// [ErrEnding]. Of an error type of the other program, only the text arrives; the
// error still wraps those errors of package sup and of the standard library that the
// original wraps.
//
// All methods are safe for concurrent use.
type Client struct {
	dialer    Dialer
	address   string
	secure    bool
	transport *http.Transport
	control   espalierv1connect.ControlClient
	program   atomic.Pointer[string] // from the last Hello; nil before the first
}

// Close closes the idle connections. It does not interrupt calls in progress.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// authorize adds the token to each call.
func (c *Client) authorize(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		if info, ok := connect.CallInfoForClientContext(ctx); ok && c.dialer.Token != "" {
			info.RequestHeader().Set("Authorization", "Bearer "+c.dialer.Token)
		}
		return next(ctx, spec)
	}
}

// Status implements [sup.Inspector].
func (c *Client) Status(ctx context.Context, path string) (sup.SupervisorInfo, error) {
	return query(ctx, c, path, func(ctx context.Context) (*pb.StatusResponse, error) {
		return c.control.Status(ctx, &pb.StatusRequest{Path: wire.EncodePath(path)})
	}, wire.DecodeStatus)
}

// Snapshot implements [sup.Inspector]. Errors and stacks are truncated to 16 MiB in
// total.
func (c *Client) Snapshot(ctx context.Context, path string) (sup.SupervisorInfo, error) {
	return query(ctx, c, path, func(ctx context.Context) (*pb.SnapshotResponse, error) {
		return c.control.Snapshot(ctx, &pb.SnapshotRequest{Path: wire.EncodePath(path)})
	}, func(m *pb.SnapshotResponse) sup.SupervisorInfo { return wire.DecodeSupervisor(m.GetSupervisor()) })
}

// Children implements [sup.Inspector]. Errors and stacks are truncated to 16 MiB in
// total.
func (c *Client) Children(ctx context.Context, path string) ([]sup.ChildInfo, error) {
	return query(ctx, c, path, func(ctx context.Context) (*pb.ChildrenResponse, error) {
		return c.control.Children(ctx, &pb.ChildrenRequest{Path: wire.EncodePath(path)})
	}, func(m *pb.ChildrenResponse) []sup.ChildInfo { return wire.DecodeChildren(m.GetChildren()) })
}

// Child implements [sup.Inspector].
func (c *Client) Child(ctx context.Context, path string) (sup.ChildInfo, error) {
	return query(ctx, c, path, func(ctx context.Context) (*pb.ChildResponse, error) {
		return c.control.Child(ctx, &pb.ChildRequest{Path: wire.EncodePath(path)})
	}, func(m *pb.ChildResponse) sup.ChildInfo { return wire.DecodeChild(m.GetChild()) })
}

// Stacks implements [sup.Inspector]. The text is truncated to 16 MiB.
func (c *Client) Stacks(ctx context.Context, path string) (string, error) {
	return query(ctx, c, path, func(ctx context.Context) (*pb.StacksResponse, error) {
		return c.control.Stacks(ctx, &pb.StacksRequest{Path: wire.EncodePath(path)})
	}, (*pb.StacksResponse).GetStacks)
}

// StartChild implements [sup.Controller].
func (c *Client) StartChild(ctx context.Context, path, key string) (child sup.ChildInfo, err error) {
	err = c.operate(ctx, "start child", path, func(ctx context.Context, wait *durationpb.Duration) error {
		r := &pb.StartChildRequest{Path: wire.EncodePath(path), Wait: wait}
		r.Key, r.RawKey = wire.EncodeID(key)
		m, err := c.control.StartChild(ctx, r)
		if err == nil {
			child = wire.DecodeChild(m.GetChild())
		}
		return err
	})
	return child, err
}

// TerminateChild implements [sup.Controller].
func (c *Client) TerminateChild(ctx context.Context, t sup.Target) error {
	return c.operateOn(ctx, "terminate", t, func(ctx context.Context, target *pb.Target) error {
		_, err := c.control.TerminateChild(ctx, &pb.TerminateChildRequest{Target: target})
		return err
	})
}

// RestartChild implements [sup.Controller].
func (c *Client) RestartChild(ctx context.Context, t sup.Target) error {
	return c.operateOn(ctx, "restart", t, func(ctx context.Context, target *pb.Target) error {
		_, err := c.control.RestartChild(ctx, &pb.RestartChildRequest{Target: target})
		return err
	})
}

// Replace implements [sup.Controller]. Once the child was asked to stop, it is started
// again even if the connection is lost. Replace returns [ErrSelf] for the server and
// its ancestors.
func (c *Client) Replace(ctx context.Context, t sup.Target) error {
	return c.operateOn(ctx, "replace", t, func(ctx context.Context, target *pb.Target) error {
		_, err := c.control.Replace(ctx, &pb.ReplaceRequest{Target: target})
		return err
	})
}

// DeleteChild implements [sup.Controller].
func (c *Client) DeleteChild(ctx context.Context, t sup.Target) error {
	return c.operateOn(ctx, "delete", t, func(ctx context.Context, target *pb.Target) error {
		_, err := c.control.DeleteChild(ctx, &pb.DeleteChildRequest{Target: target})
		return err
	})
}

// Shutdown implements [sup.Controller]. A server that is part of the tree stops with
// it. If other children are left at that time, the error is a [sup.StuckError] that
// lists them and wraps [ErrEnding].
func (c *Client) Shutdown(ctx context.Context, t sup.Target) error {
	return c.operateOn(ctx, "shut down", t, func(ctx context.Context, target *pb.Target) error {
		_, err := c.control.Shutdown(ctx, &pb.ShutdownRequest{Target: target, Whole: t.Path == ""})
		return err
	})
}

// query makes a call without side effects, which may be repeated, and decodes its
// response.
func query[M, T any](ctx context.Context, c *Client, path string, call func(context.Context) (M, error), decode func(M) T) (result T, err error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	err = c.retry(ctx, func(err error) bool { return errors.Is(err, ErrUnreachable) }, func() error {
		m, err := call(ctx)
		if err != nil {
			return c.wrapError(ctx, "query", path, err)
		}
		result = decode(m)
		return nil
	})
	return result, err
}

// operateOn calls operate for a target.
func (c *Client) operateOn(ctx context.Context, op string, t sup.Target, call func(context.Context, *pb.Target) error) error {
	return c.operate(ctx, op, t.Path, func(ctx context.Context, wait *durationpb.Duration) error {
		return call(ctx, &pb.Target{Path: wire.EncodePath(t.Path), Incarnation: int32(min(t.Incarnation, math.MaxInt32)), Wait: wait})
	})
}

// operate makes a call with side effects, and repeats it only if nothing was sent.
// The server gets slightly less time than is left, so that its error, which lists
// what was not done, arrives in time.
func (c *Client) operate(ctx context.Context, op, path string, call func(ctx context.Context, wait *durationpb.Duration) error) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	mayRetry := func(err error) bool {
		return isDial(err) && !errors.Is(err, ErrDenied) && !errors.Is(err, ErrUntrusted)
	}
	return c.retry(ctx, mayRetry, func() error {
		deadline, _ := ctx.Deadline()
		left := max(time.Until(deadline), 0)
		wait := left - min(left/10, time.Second/2)
		return c.wrapError(ctx, op, path, call(ctx, durationpb.New(max(wait, time.Millisecond))))
	})
}

func (c *Client) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.dialer.Timeout)
}

// retry repeats a call for the time of Dialer.Patience, as long as mayRetry accepts
// its error.
func (c *Client) retry(ctx context.Context, mayRetry func(error) bool, call func() error) error {
	giveUp := time.Now().Add(c.dialer.Patience)
	for attempt := 0; ; attempt++ {
		err := call()
		if err == nil || !mayRetry(err) {
			return err
		}
		wait := c.dialer.pause(attempt)
		if time.Now().Add(wait).After(giveUp) || !sleep(ctx, wait) {
			return err
		}
	}
}

// pause returns the wait after the failure that n others preceded.
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

var _ sup.Controller = (*Client)(nil)
