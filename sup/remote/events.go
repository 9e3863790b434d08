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

// program is different in each program. A tree goes on counting its events for
// as long as the program runs, whatever becomes of the servers.
var program = rand.Text()

// eventRoom bounds the errors and stacks of one event, in bytes.
const maxEventSize = 1 << 20

// Events tells a client events until it goes, or the server or the supervisor
// ends. A client that reads slowly holds up this call and nothing else: what it
// misses is dropped by the subscription that the events come from.
func (h *handler) Events(ctx context.Context, r *pb.EventsRequest, stream espalierv1connect.ControlEventsServerStream) error {
	setTarget(ctx, r.GetPath(), 0)
	role := callerOf(ctx).role
	if !h.streams.begin(role) {
		return encodeError(ctx, fmt.Errorf("remote: %w: there are %d streams already, as many as a %v may have", ErrBusy, h.streams.maxFor(role), role))
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

// from returns after which event a stream begins, and whether the one that the
// client names was another program's.
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

// news is an event, or that some were skipped, or why there are no more.
type streamItem struct {
	event sup.Event
	err   error
}

// tell sends the events, and heartbeats in between. When the server is told to
// stop, those before that are sent still.
func (h *handler) sendEvents(ctx context.Context, path string, after uint64, stream espalierv1connect.ControlEventsServerStream) error {
	reading, stop := context.WithCancel(ctx)
	all := make(chan streamItem)
	go func() {
		defer close(all)
		for e, err := range h.controller.Events(reading, path, after) {
			select {
			case all <- streamItem{e, err}:
			case <-reading.Done():
				return
			}
		}
	}()
	defer func() { // it has returned when the channel is closed
		stop()
		for range all {
		}
	}()
	beat := time.NewTicker(h.settings.Heartbeat)
	defer beat.Stop()
	for {
		var message *pb.EventsResponse
		select {
		case n, ok := <-all:
			if !ok {
				return h.sendRemaining(ctx, path, after, stream)
			}
			skip, isSkip := errors.AsType[*sup.SkippedError](n.err)
			switch {
			case isSkip:
				message = encodeSkipped(skip.After)
			case n.err != nil:
				return encodeError(ctx, n.err)
			default:
				message, after = encodeEvent(n.event), max(after, n.event.Seq)
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

// last ends a stream. If it is the server that ends, what the stream has not told
// by then is on record: who watches a shutdown sees what comes before the turn of
// the server. To begin with one takes a part of the grace at most; a client that
// does not read is cut off with the rest, when that is over.
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
	// Those of the whole tree: at the path there may be nothing any more.
	for e, err := range h.controller.Events(reading, "", after) {
		skip, isSkip := errors.AsType[*sup.SkippedError](err)
		switch {
		case reading.Err() != nil:
			return encodeError(ctx, cause)
		case isSkip && whole:
			err = stream.Send(encodeSkipped(skip.After))
		case isSkip: // it need not be of what is at the path
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

// stillAllowed finds whether who reads a stream would be let in now.
func (h *handler) checkAccess(ctx context.Context) error {
	if _, r := access(h.settings.Access, callerOf(ctx).peer); r < Viewer {
		return connect.NewError(connect.CodeUnauthenticated, "access has ended")
	}
	return nil
}

// told is what the client is told of an event.
func encodeEvent(e sup.Event) *pb.EventsResponse {
	w := wire.Encoder{Room: maxEventSize}
	return &pb.EventsResponse{What: &pb.EventsResponse_Event{Event: w.Event(e)}}
}

func encodeSkipped(after uint64) *pb.EventsResponse {
	return &pb.EventsResponse{What: &pb.EventsResponse_Skipped{Skipped: &pb.Skipped{After: after}}}
}
