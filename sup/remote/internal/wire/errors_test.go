package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// sent encodes and decodes an error.
func sent(t *testing.T, err error) error {
	t.Helper()
	w := &Encoder{Room: 1 << 20}
	return DecodeError(through(t, w.Error(err), new(pb.Error)))
}

func TestErrorsOfAllTypesAreDecoded(t *testing.T) {
	own := errors.New("the program's own")
	when := time.Unix(1_700_000_000, 5)
	for _, err := range []error{
		own,
		fmt.Errorf("first: %w, then: %w", sup.ErrNotFound, io.ErrUnexpectedEOF),
		&sup.CallError{Op: "restart", Path: "a/b", Err: &sup.StartError{Path: "a/b", Err: fmt.Errorf("dial: %w", context.DeadlineExceeded)}},
		&sup.StartError{Path: "a", Err: &sup.StartError{Path: "a/b", Err: &sup.StartTimeoutError{After: time.Second}}},
		&sup.StartTimeoutError{After: time.Second, Err: fmt.Errorf("dial: %w", io.ErrUnexpectedEOF)},
		&sup.StuckError{Children: []sup.StuckChild{{Path: "a/\xff", Incarnation: 3, Stack: "goroutine 1"}}, NotAsked: 7, Err: &sup.UnhealthyError{Silent: time.Minute, Stack: "goroutine 2"}},
		&sup.PanicError{Value: 42, Stack: "goroutine 3"},
		&sup.PanicError{Value: fmt.Errorf("wrapped: %w", fs.ErrNotExist)},
		&sup.StopError{Reason: sup.ReasonRound, Path: "a/c"},
		&sup.StopError{Reason: sup.ReasonShutdown, Err: context.Canceled},
		&sup.SpecError{Path: "a", Faults: []sup.Fault{{Path: "a/b", Field: "Start", Problem: "is nil"}, {Path: "a/c", Field: "ID", Problem: "is empty"}}},
		&sup.SkippedError{After: 1 << 63},
		&sup.IntensityError{
			Path: "a", Intensity: sup.DefaultIntensity,
			Exits: []sup.ChildExit{
				{Path: "a/b", Incarnation: 1, Time: when, Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: &sup.PanicError{Value: "x", Stack: "s"}}},
				{Path: "a/b", Incarnation: 2, Time: when, Exit: sup.Exit{Kind: sup.ExitNormal}},
				{Path: "a/b", Incarnation: 3, Time: when, Exit: sup.Exit{Kind: sup.ExitShutdown, Err: sup.ErrShutdown}},
			},
			Recent: []sup.Event{
				{Kind: sup.ChildExited, Seq: 9, Time: when, Path: "a/b", ID: "b", Incarnation: 1, Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: io.EOF}},
				{Kind: sup.ChildRestarting, Seq: 10, Time: when, Path: "a/b", ID: "b", Delay: time.Second, Because: "a/c"},
			},
		},
	} {
		got := sent(t, err)
		if got.Error() != err.Error() {
			t.Errorf("%q is %q on the other side", err, got)
		}
		if fmt.Sprintf("%T", err)[:5] == "*sup." && fmt.Sprintf("%T", got) != fmt.Sprintf("%T", err) {
			t.Errorf("%T is a %T on the other side", err, got)
		}
		for _, s := range sentinels {
			if errors.Is(err, s.err) != errors.Is(got, s.err) {
				t.Errorf("%v: whether it is %s differs on the other side", err, s.name)
			}
		}
		if diff := cmp.Diff(err, got, cmp.FilterValues(func(a, b any) bool {
			_, plain := a.(*remoteError)
			_, other := b.(*remoteError)
			return plain || other
		}, cmp.Ignore()), byText); diff != "" {
			t.Errorf("-sent +read:\n%s", diff)
		}
	}
}

func TestSentinelsKeepTheirIdentity(t *testing.T) {
	for _, s := range sentinels {
		if got := sent(t, s.err); got != s.err {
			t.Errorf("%s is %v", s.name, got)
		}
	}
}

// Package sup shields errors whose methods panic, so these are not among them.
func TestUnusualErrorsAreEncodedWithinLimits(t *testing.T) {
	for name, err := range map[string]error{
		"it cannot be compared": uncomparable{[]int{1}},
		"it wraps itself":       loop{},
		"it is endless":         endless(1_000_000),
		"it is wide":            wide(20),
		"its text is long":      errors.New(strings.Repeat("é", 1<<20)),
		"its text is no text":   errors.New("\xff\xfe"),
		"a nil pointer":         (*sup.CallError)(nil),
		"an empty CallError":    &sup.CallError{},
	} {
		w := &Encoder{Room: 64 << 10}
		m := w.Error(err)
		if size := proto.Size(m); size > 1<<20 {
			t.Errorf("%s: %d bytes", name, size)
		}
		got := DecodeError(through(t, m, new(pb.Error)))
		if got == nil || got.Error() == "" {
			t.Errorf("%s: decoded as %v", name, got)
		}
		errors.Is(got, io.EOF)
	}
}

type uncomparable struct{ list []int }

func (uncomparable) Error() string { return "uncomparable" }

type loop struct{}

func (loop) Error() string   { return "loop" }
func (l loop) Unwrap() error { return l }

type endless int

func (e endless) Error() string { return "endless" }
func (e endless) Unwrap() error { return e - 1 }

type wide int

func (w wide) Error() string   { return "wide" }
func (w wide) Unwrap() []error { return []error{w - 1, w - 2, w - 3} }

func TestErrorsHaveACode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code connect.Code
	}{
		{&sup.CallError{Err: sup.ErrNotFound}, connect.CodeNotFound},
		{&sup.CallError{Err: sup.ErrRunning}, connect.CodeFailedPrecondition},
		{&sup.CallError{Err: sup.ErrIncarnation}, connect.CodeAborted},
		{&sup.CallError{Err: &sup.StartError{Err: fmt.Errorf("%w", sup.ErrNotFound)}}, connect.CodeAborted},
		{&sup.StuckError{Err: ErrEnding}, connect.CodeUnavailable},
		{&sup.StuckError{Err: context.DeadlineExceeded}, connect.CodeDeadlineExceeded},
		{errors.New("?"), connect.CodeUnknown},
	} {
		for _, protocol := range []string{connect.ProtocolNameConnect, connect.ProtocolNameGRPC} {
			answer, ok := errors.AsType[*connect.Error](ConnectError(c.err, protocol))
			if !ok || answer.Code() != c.code || answer.Message() != c.err.Error() {
				t.Errorf("%v encoded as %v", c.err, answer)
			}
			if got := DecodeConnectError(answer); got == nil || got.Error() != c.err.Error() {
				t.Errorf("%v decoded as %v", c.err, got)
			}
		}
	}
	if ConnectError(nil, connect.ProtocolNameGRPC) != nil {
		t.Error("nil was encoded as an error")
	}
}

// gRPC sends the error in the trailers, whose size clients limit.
func TestErrorsOverGRPCFitIntoTrailers(t *testing.T) {
	err := &sup.StuckError{Children: make([]sup.StuckChild, 1000), Err: sup.ErrShutdown}
	for i := range err.Children {
		err.Children[i] = sup.StuckChild{Path: "a/b", Stack: strings.Repeat("x", 100)}
	}
	answer, _ := errors.AsType[*connect.Error](ConnectError(err, connect.ProtocolNameGRPC))
	size := len(answer.Message())
	for _, d := range answer.Details() {
		size += len(d.Value)
	}
	if size > 7<<10 {
		t.Errorf("error of %d bytes", size)
	}
}

// Each error that a call may end with has a code. The others are those of workers, handles
// and streams.
func TestErrorsOfCallsHaveCodes(t *testing.T) {
	elsewhere := map[error]bool{
		sup.ErrShutdown: true, sup.ErrIgnore: true, sup.ErrQuarantined: true, sup.ErrWrongType: true, sup.ErrSkipped: true,
		sup.ErrNotSupervised: true, sup.ErrSpec: true, sup.ErrStartTimeout: true, sup.ErrIntensity: true, sup.ErrPanic: true,
		sup.ErrGoexit: true, sup.ErrUnhealthy: true,
	}
	for _, s := range sentinels {
		_, ours := strings.CutPrefix(s.name, "sup.")
		if !ours && !strings.HasPrefix(s.name, "remote.") {
			continue
		}
		if known := codeOf(s.err) != connect.CodeUnknown; known == elsewhere[s.err] {
			t.Errorf("%s has a code: %v; add it to codes (connect.go) if a call may end with it", s.name, known)
		}
	}
}
