package remote

import (
	"context"
	"crypto/rand"
	"errors"
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
const eventRoom = 1 << 20

// Events tells a client events until it goes, or the server or the supervisor
// ends. A client that reads slowly holds up this call and nothing else: what it
// misses is dropped by the subscription that the events come from.
func (h *handler) Events(ctx context.Context, r *pb.EventsRequest, stream espalierv1connect.ControlEventsServerStream) error {
	about(ctx, r.GetPath(), 0)
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		return connect.Errorf(connect.CodeResourceExhausted, "there are %d streams already", h.settings.MaxStreams)
	}
	after, restarted, err := h.from(ctx, r)
	if err != nil {
		return answer(ctx, err)
	}
	hello := &pb.Hello{Program: program, After: after, Heartbeat: durationpb.New(h.settings.Heartbeat)}
	if err := stream.Send(&pb.EventsResponse{What: &pb.EventsResponse_Hello{Hello: hello}}); err != nil {
		return err
	}
	if restarted {
		if err := stream.Send(skipped(r.GetAfter())); err != nil {
			return err
		}
	}
	return h.tell(ctx, wire.ReadPath(r.GetPath()), after, stream)
}

// from returns after which event a stream begins, and whether the one that the
// client names was another program's.
func (h *handler) from(ctx context.Context, r *pb.EventsRequest) (after uint64, restarted bool, err error) {
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
type news struct {
	event sup.Event
	err   error
}

// tell sends the events, and heartbeats in between.
func (h *handler) tell(ctx context.Context, path string, after uint64, stream espalierv1connect.ControlEventsServerStream) error {
	reading, stop := context.WithCancel(ctx)
	all := make(chan news)
	go func() {
		defer close(all)
		for e, err := range h.controller.Events(reading, path, after) {
			select {
			case all <- news{e, err}:
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
				return answer(ctx, context.Cause(ctx))
			}
			skip, isSkip := errors.AsType[*sup.SkippedError](n.err)
			switch {
			case isSkip:
				message = skipped(skip.After)
			case n.err != nil:
				return answer(ctx, n.err)
			default:
				w := wire.Writer{Room: eventRoom}
				message = &pb.EventsResponse{What: &pb.EventsResponse_Event{Event: w.Event(n.event)}}
			}
		case <-beat.C:
			if err := h.stillAllowed(ctx); err != nil {
				return err
			}
			message = &pb.EventsResponse{What: &pb.EventsResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}
		case <-ctx.Done():
			return answer(ctx, context.Cause(ctx))
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

// stillAllowed finds whether who reads a stream would be let in now.
func (h *handler) stillAllowed(ctx context.Context) error {
	if _, r := access(h.settings.Access, callerOf(ctx).peer); r < Viewer {
		return connect.NewError(connect.CodeUnauthenticated, "access has ended")
	}
	return nil
}

func skipped(after uint64) *pb.EventsResponse {
	return &pb.EventsResponse{What: &pb.EventsResponse_Skipped{Skipped: &pb.Skipped{After: after}}}
}
