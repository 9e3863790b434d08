package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// program identifies the running program. The event numbers of a tree continue until
// the program ends, across all its servers.
var program = rand.Text()

// maxEventSize limits the errors and stacks of one event, in bytes.
const maxEventSize = 1 << 20

// Events streams events until the client disconnects, or the server or the
// supervisor ends. A client that reads slowly blocks this call only: the
// subscription of the stream drops what the client misses.
func (h *handler) Events(ctx context.Context, r *pb.EventsRequest, stream espalierv1connect.ControlEventsServerStream) error {
	setTarget(ctx, r.GetPath(), 0)
	role := callerOf(ctx).role
	if !h.streams.begin(role) {
		return encodeError(ctx, fmt.Errorf("%w: %d event streams, the limit for a %v", ErrBusy, h.streams.maxFor(role), role))
	}
	defer h.streams.end()
	after, restarted, err := h.startOf(ctx, r)
	if err != nil {
		return encodeError(ctx, err)
	}
	hello := &pb.Hello{Program: program, After: after, Heartbeat: durationpb.New(h.settings.Heartbeat)}
	if err := stream.Send(&pb.EventsResponse{What: &pb.EventsResponse_Hello{Hello: hello}}); err != nil {
		return err
	}
	if restarted {
		if err := stream.Send(encodeSkipped(r.GetAfter())); err != nil {
			return err
		}
	}
	return h.sendEvents(ctx, wire.DecodePath(r.GetPath()), after, stream)
}

// startOf returns the event after which a stream begins. It also reports whether the
// number that the client sent is one of another program.
func (h *handler) startOf(ctx context.Context, r *pb.EventsRequest) (after uint64, restarted bool, err error) {
	switch {
	case r.GetFromNow():
		status, err := h.controller.Status(ctx, "")
		return status.Seq, false, err
	case r.GetProgram() != "" && r.GetProgram() != program:
		return 0, true, nil
	}
	return r.GetAfter(), false, nil
}

// A streamItem is an event, or the error that a stream yields in its place.
type streamItem struct {
	event sup.Event
	err   error
}

// sendEvents sends events, and heartbeats between them. When the server is asked to
// stop, it still sends the events before that moment.
func (h *handler) sendEvents(ctx context.Context, path string, after uint64, stream espalierv1connect.ControlEventsServerStream) error {
	reading, stop := context.WithCancel(ctx)
	items := make(chan streamItem)
	go func() {
		defer close(items)
		for e, err := range h.controller.Events(reading, path, after) {
			select {
			case items <- streamItem{e, err}:
			case <-reading.Done():
				return
			}
		}
	}()
	defer func() { // wait for the goroutine, which closes items
		stop()
		for range items {
		}
	}()
	beat := time.NewTicker(h.settings.Heartbeat)
	defer beat.Stop()
	for {
		var message *pb.EventsResponse
		select {
		case item, ok := <-items:
			if !ok {
				return h.sendRemaining(ctx, path, after, stream)
			}
			skip, isSkip := errors.AsType[*sup.SkippedError](item.err)
			switch {
			case isSkip:
				message = encodeSkipped(skip.After)
			case item.err != nil:
				return encodeError(ctx, item.err)
			default:
				message, after = encodeEvent(item.event), max(after, item.event.Seq)
			}
		case <-beat.C:
			if err := h.checkAccess(ctx); err != nil {
				return err
			}
			message = &pb.EventsResponse{What: &pb.EventsResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}
		case <-ctx.Done():
			return h.sendRemaining(ctx, path, after, stream)
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

// sendRemaining ends a stream. If the server is ending, it first sends the recorded
// events that the stream has not sent, so that a client sees a shutdown up to the
// stop of the server. It begins no event after a quarter of the grace period. A
// client that does not read is disconnected at the end of that period.
func (h *handler) sendRemaining(ctx context.Context, path string, after uint64, stream espalierv1connect.ControlEventsServerStream) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, ErrEnding) {
		return encodeError(ctx, cause)
	}
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.settings.Grace/4)
	defer cancel()
	status, err := h.controller.Status(reading, "")
	if err != nil || status.Seq <= after {
		return encodeError(ctx, cause)
	}
	whole := path == "" || path == status.Path
	// Read the events of the whole tree, since the child at the path may be gone.
	for e, err := range h.controller.Events(reading, "", after) {
		skip, isSkip := errors.AsType[*sup.SkippedError](err)
		switch {
		case reading.Err() != nil:
			return encodeError(ctx, cause)
		case isSkip && whole:
			err = stream.Send(encodeSkipped(skip.After))
		case isSkip: // possibly not at the path
			err = nil
		case err == nil && (whole || e.Path == path || strings.HasPrefix(e.Path, path+"/")):
			err = stream.Send(encodeEvent(e))
		}
		if err != nil || e.Seq >= status.Seq {
			break
		}
	}
	return encodeError(ctx, cause)
}

// checkAccess returns an error if the client of a stream has lost its grant, for
// example because its token was revoked.
func (h *handler) checkAccess(ctx context.Context) error {
	if _, r := access(h.settings.Access, callerOf(ctx).peer); r < Viewer {
		return connect.NewError(connect.CodeUnauthenticated, "grant revoked or expired")
	}
	return nil
}

func encodeEvent(event sup.Event) *pb.EventsResponse {
	e := wire.Encoder{Room: maxEventSize}
	return &pb.EventsResponse{What: &pb.EventsResponse_Event{Event: e.Event(event)}}
}

func encodeSkipped(after uint64) *pb.EventsResponse {
	return &pb.EventsResponse{What: &pb.EventsResponse_Skipped{Skipped: &pb.Skipped{After: after}}}
}
