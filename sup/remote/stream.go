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

// watch is the Op of the errors of a stream of events.
const opWatch = "watch"

// Events is that of [sup.Inspector]. A stream that was cut, once it has begun,
// goes on from the last event that was told, as soon as the server can be
// reached again: that takes as long as it takes, unless the Dialer has a
// StreamPatience, or ctx ends. If the
// events in between are not on record any more, or the program was started
// anew, an error that wraps a [sup.SkippedError] says so, and in the latter case
// [ErrNewProgram] too: the numbers of events begin again, at 1.
func (c *Client) Events(ctx context.Context, path string, after uint64) iter.Seq2[sup.Event, error] {
	return func(yield func(sup.Event, error) bool) {
		s := &stream{client: c, path: path, yield: yield}
		s.request = &pb.EventsRequest{Path: wire.EncodePath(path), After: after}
		if after == sup.FromNow {
			s.request.After, s.request.FromNow = 0, true
		}
		if p := c.program.Load(); p != nil && after != 0 { // else no number is of a program before
			s.request.Program = *p
		}
		s.run(ctx)
	}
}

// A stream is one reader's, through all its connections.
type stream struct {
	client     *Client
	path       string
	yield      func(sup.Event, error) bool
	request    *pb.EventsRequest // for the next connection
	begun      bool
	newProgram bool // the program that has said hello is another one
	failures   int  // attempts in a row
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
		level, message := slog.LevelDebug, "server of the stream of events cannot be reached yet"
		switch {
		case s.failures > 0: // that has been told
		case s.begun:
			level, message = slog.LevelWarn, "stream of events was cut"
			giveUp = s.client.dialer.streamEnd()
		default:
			level, message = slog.LevelWarn, "stream of events cannot begin yet"
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

// streamEnd returns until when a stream that was cut just now tries to go on;
// zero is for ever.
func (d *Dialer) streamEnd() time.Time {
	if d.StreamPatience == 0 {
		return time.Time{}
	}
	return time.Now().Add(d.StreamPatience)
}

// errEnough: the reader has.
var errReaderDone = errors.New("enough")

// read reads events over one connection. It returns nil if there are no more.
func (s *stream) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(helloTimeout, cancel)
	defer quiet.Stop()
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
		quiet.Reset(limit)
		if !s.deliver(m) {
			return errReaderDone
		}
	}
}

// helloTimeout is how long the first message may take; and later ones, besides
// the heartbeat that the server promises.
const helloTimeout = 15 * time.Second

// greet begins, or goes on, with the events of the server that says hello. It
// returns how long that may be silent.
func (s *stream) begin(hello *pb.Hello) time.Duration {
	if s.begun {
		s.client.dialer.Logger.Info("stream of events goes on", slog.String("server", s.client.address), slog.Uint64("after", hello.GetAfter()))
	}
	s.begun, s.failures = true, 0
	program := hello.GetProgram()
	s.client.program.Store(&program)
	s.newProgram = s.request.GetProgram() != "" && s.request.GetProgram() != program
	s.request.Program, s.request.After, s.request.FromNow = program, hello.GetAfter(), false
	beat := min(max(hello.GetHeartbeat().AsDuration(), 0), time.Hour)
	return 2*beat + helloTimeout
}

// deliver tells the reader what a message says, and returns false if he has had
// enough.
func (s *stream) deliver(m *pb.EventsResponse) bool {
	switch {
	case m.GetSkipped() != nil:
		gap := &sup.SkippedError{After: m.GetSkipped().GetAfter()}
		if s.newProgram { // it comes first
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

// fault makes of the end of a connection what is to be told, or tried again. One
// that has been silent for too long was cut.
func (s *stream) wrapError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &clientError{s.client.address, ErrUnreachable, "the stream was silent", err}
	}
	told := s.client.wrapError(ctx, opWatch, s.path, err)
	answer, ok := errors.AsType[*connect.Error](err)
	if ok && s.begun && errors.Is(told, ErrProtocol) && !answer.IsRemote() && answer.Code() != connect.CodeInvalidArgument && answer.Code() != connect.CodeResourceExhausted {
		return &clientError{s.client.address, ErrUnreachable, answer.Message(), err} // in the middle of a message
	}
	return told
}
