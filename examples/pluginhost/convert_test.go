package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// died returns the error of a call whose plugin ended with an exit.
func died(exit proc.Exit) error {
	return &plugin.DiedError{Name: "text", Exit: exit, Cause: &proc.ExitError{Exit: exit}, Err: errors.New("cut off")}
}

var (
	panicked = died(proc.Exit{Code: 2, Lines: []proc.Line{{Text: "panic: out of ink"}}})
	killed   = died(proc.Exit{Code: -1, Signal: syscall.SIGKILL})
	hung     = &plugin.DiedError{Cause: fmt.Errorf("%w: 3 times", plugin.ErrUnanswered)}
	replaced = &plugin.DiedError{Cause: plugin.ErrReplaced}
	none     = &plugin.UnavailableError{Err: sup.ErrQuarantined}
	said     = grpcstatus.Error(codes.InvalidArgument, "not a picture")
	slow     = grpcstatus.Error(codes.DeadlineExceeded, "context deadline exceeded")
)

func TestEachErrorOfACallHasAVerdict(t *testing.T) {
	for _, test := range []struct {
		err  error
		want verdict
	}{
		{panicked, fileSuspected}, {died(proc.Exit{Code: 0}), fileSuspected}, {slow, fileSuspected}, {errors.New("unheard of"), fileSuspected},
		{killed, pluginFailed}, {hung, pluginFailed}, {replaced, pluginFailed},
		{none, noPlugin}, {&plugin.UnavailableError{Err: sup.ErrStopped, Died: panicked.(*plugin.DiedError)}, noPlugin},
		{said, fileRefused},
	} {
		if got := verdictOf(test.err); got != test.want {
			t.Errorf("%v: verdict %d, want %d", test.err, got, test.want)
		}
	}
}

// script is a fake of plugins that returns the given errors, and then a result.
type script struct {
	plugins
	errors []error
	alone  []bool // whether each call was alone
	pool   *pool
}

var fine = &content.Result{Content: &content.Result_Text{Text: &content.Text{Title: "fine"}}}

func (s *script) convert(context.Context, *content.File, ...plugin.Option) (*content.Result, error) {
	others := s.pool.calls.TryAcquire(1)
	if others {
		s.pool.calls.Release(1)
	}
	s.alone = append(s.alone, !others)
	if len(s.errors) == 0 {
		return fine, nil
	}
	err := s.errors[0]
	s.errors = s.errors[1:]
	return nil, err
}

func times(n int, err error) (all []error) {
	for range n {
		all = append(all, err)
	}
	return all
}

func TestAFileIsConvertedUntilItsResultIsCertain(t *testing.T) {
	const together, alone = false, true
	lost := errors.New("text plugins: none can be started")
	for _, test := range []struct {
		name   string
		errors []error
		lost   error
		want   *content.Result
		calls  []bool // nil if not checked
	}{
		{"at once", nil, nil, fine, []bool{together}},
		{"refused", times(1, said), nil, refusal("not a picture", false), []bool{together}},
		{"killed, hung, replaced", []error{killed, hung, replaced}, nil, fine, []bool{together, together, together, together}},
		{"suspected once", times(1, panicked), nil, fine, []bool{together, alone}},
		{"suspected, then killed", []error{panicked, killed}, nil, fine, []bool{together, alone, alone}},
		{"suspected twice", times(9, panicked), nil, refusal("panic: out of ink", true), []bool{together, alone, alone}},
		{"no answer in time", times(9, slow), nil, refusal(slow.Error(), true), []bool{together, alone, alone}},
		{"killed too often", times(99, killed), nil, refusal("plugin died: signal: killed", true), nil},
		{"no plugin for some time", times(2, none), nil, fine, []bool{together, together, together}},
		{"no plugin can be started", times(9, none), lost, refusal(lost.Error(), false), []bool{together}},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugins := &script{errors: test.errors}
			p := newPool(content.TextKind, plugins)
			plugins.pool = p
			if test.lost != nil {
				p.unavailable.Store(&test.lost)
			}
			s := &service{timeout: time.Minute}
			got, err := s.convert(t.Context(), p, &content.File{Path: "a.md"})
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, test.want) {
				t.Errorf("result %v, want %v", got, test.want)
			}
			if test.calls != nil && fmt.Sprint(plugins.alone) != fmt.Sprint(test.calls) {
				t.Errorf("calls made alone: %v, want %v", plugins.alone, test.calls)
			}
			if got, want := p.meter.figures().calls, 0; test.want == fine {
				if want = 1; got != want {
					t.Errorf("%d calls counted, want %d", got, want)
				}
			}
		})
	}
}

func TestTheConversionOfAFileEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	for _, errs := range [][]error{times(99, none), times(99, killed)} {
		plugins := &script{errors: errs}
		p := newPool(content.TextKind, plugins)
		plugins.pool = p
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		if _, err := (&service{timeout: time.Minute}).convert(ctx, p, &content.File{}); !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, enough)
		}
	}
}
