package remote

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// opWatch is the operation in the errors of an event stream.
const opWatch = "watch"

// Events implements [sup.Inspector]. A stream that was interrupted resumes after the
// last event that it delivered, as soon as the server is reachable again. It tries
// for [Dialer.StreamPatience], by default until ctx ends.
//
// If events were lost in between, the stream yields an error that wraps a
// [sup.SkippedError]. If the program was restarted, event numbers begin at 1 again,
// and that error wraps [ErrNewProgram] too.
func (c *Client) Events(ctx context.Context, path string, after uint64) iter.Seq2[sup.Event, error] {
	return func(yield func(sup.Event, error) bool) {
		s := &stream{client: c, path: path, yield: yield}
		s.request = &pb.EventsRequest{Path: wire.EncodePath(path), After: after}
		if after == sup.FromNow {
			s.request.After, s.request.FromNow = 0, true
		}
		if p := c.program.Load(); p != nil && after != 0 { // 0 is valid in every program
			s.request.Program = *p
		}
		s.run(ctx)
	}
}

// A stream is one iteration over events, across connections.
type stream struct {
	client     *Client
	path       string
	yield      func(sup.Event, error) bool
	request    *pb.EventsRequest // for the next connection
	begun      bool              // a Hello has arrived
	newProgram bool              // the last Hello was from another program, which was not reported yet
	failures   int               // attempts since the last Hello
}

func (s *stream) run(ctx context.Context) {
	giveUp := time.Now().Add(s.client.dialer.Patience)
	for {
		err := s.read(ctx)
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, errReaderDone):
			return
		case !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrEnding):
			s.yield(sup.Event{}, err)
			return
		}
		level, message := slog.LevelDebug, "event stream attempt failed"
		switch {
		case s.failures > 0:
		case s.begun:
			level, message = slog.LevelWarn, "event stream interrupted"
			giveUp = s.client.dialer.resumeDeadline()
		default:
			level, message = slog.LevelWarn, "event stream cannot start yet"
		}
		wait := s.client.dialer.pause(s.failures)
		s.failures++
		if !giveUp.IsZero() && time.Now().Add(wait).After(giveUp) {
			s.yield(sup.Event{}, err)
			return
		}
		s.client.dialer.Logger.LogAttrs(ctx, level, message, slog.String("server", s.client.address), slog.Any("err", err), slog.Duration("next", wait))
		if !sleep(ctx, wait) {
			return
		}
	}
}

// resumeDeadline returns the time until which a stream that was interrupted now tries
// to resume. It is zero if there is no limit.
func (d *Dialer) resumeDeadline() time.Time {
	if d.StreamPatience == 0 {
		return time.Time{}
	}
	return time.Now().Add(d.StreamPatience)
}

// errReaderDone is returned by read when the caller has left the iteration.
var errReaderDone = errors.New("iteration ended by the reader")

// read reads events from one connection. It returns nil at the end of the stream.
func (s *stream) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(helloTimeout, cancel)
	defer silence.Stop()
	messages, err := s.client.control.Events(ctx, s.request)
	if err != nil {
		return s.wrapError(ctx, err)
	}
	defer messages.Close()
	limit := helloTimeout
	for {
		m, err := messages.Receive()
		switch {
		case errors.Is(err, io.EOF) && s.begun:
			return nil
		case err != nil:
			return s.wrapError(ctx, err)
		}
		if hello := m.GetHello(); hello != nil {
			limit = s.begin(hello)
		}
		silence.Reset(limit)
		if !s.deliver(m) {
			return errReaderDone
		}
	}
}

// helloTimeout is the limit for the Hello. Each later message may take that long
// besides two heartbeats.
const helloTimeout = 15 * time.Second

// begin starts or resumes the stream after a Hello. It returns how long the server
// may be silent.
func (s *stream) begin(hello *pb.Hello) time.Duration {
	if s.begun {
		s.client.dialer.Logger.Info("event stream resumed", slog.String("server", s.client.address), slog.Uint64("after", hello.GetAfter()))
	}
	s.begun, s.failures = true, 0
	program := hello.GetProgram()
	s.client.program.Store(&program)
	s.newProgram = s.request.GetProgram() != "" && s.request.GetProgram() != program
	s.request.Program, s.request.After, s.request.FromNow = program, hello.GetAfter(), false
	beat := min(max(hello.GetHeartbeat().AsDuration(), 0), time.Hour)
	return 2*beat + helloTimeout
}

// deliver yields the event or the gap in a message. It returns false if the caller
// has left the iteration.
func (s *stream) deliver(m *pb.EventsResponse) bool {
	switch {
	case m.GetSkipped() != nil:
		gap := &sup.SkippedError{After: m.GetSkipped().GetAfter()}
		if s.newProgram { // the server sends this gap first
			s.newProgram = false
			return s.yield(sup.Event{}, &newProgramError{gap})
		}
		return s.yield(sup.Event{}, gap)
	case m.GetEvent() != nil:
		e := wire.DecodeEvent(m.GetEvent())
		s.request.After = max(s.request.After, e.Seq)
		return s.yield(e, nil)
	}
	return true
}

// wrapError returns the error for the end of a connection. It is ErrUnreachable if
// the stream should resume.
func (s *stream) wrapError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &clientError{s.client.address, ErrUnreachable, "no heartbeat", err}
	}
	wrapped := s.client.wrapError(ctx, opWatch, s.path, err)
	answer, ok := errors.AsType[*connect.Error](err)
	if ok && s.begun && errors.Is(wrapped, ErrProtocol) && !answer.IsRemote() && answer.Code() != connect.CodeInvalidArgument && answer.Code() != connect.CodeResourceExhausted {
		// The connection was lost in the middle of a message.
		return &clientError{s.client.address, ErrUnreachable, answer.Message(), err}
	}
	return wrapped
}
