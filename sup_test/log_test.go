package sup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// logTo returns a logger that writes to w, without times.
func logTo(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// Events: Log writes each event at its level, with its attributes.
func TestLogWritesEventsAtTheirLevelsWithTheirAttributes(t *testing.T) {
	boom := sup.Exit{Kind: sup.ExitAbnormal, Err: errBoom}
	shutdown := sup.Exit{Kind: sup.ExitShutdown, Err: sup.ErrShutdown}
	panicked := sup.Exit{Kind: sup.ExitAbnormal, Err: &sup.PanicError{Value: "no", Stack: "here"}}
	for _, tt := range []struct {
		event sup.Event
		want  string
	}{
		{sup.Event{Kind: sup.ChildStarting, Incarnation: 2}, `DEBUG msg="child starting" path=s/w incarnation=2`},
		{sup.Event{Kind: sup.ChildReady, Incarnation: 2}, `INFO msg="child ready" path=s/w incarnation=2`},
		{sup.Event{Kind: sup.ChildStopping, Incarnation: 2}, `DEBUG msg="child stopping" path=s/w incarnation=2`},
		{sup.Event{Kind: sup.ChildStopping, Incarnation: 2, Because: "s/v"}, `INFO msg="child stopping" path=s/w incarnation=2 because=s/v`},
		{sup.Event{Kind: sup.ChildStuck, Incarnation: 2, Exit: boom, Stack: "there"}, `ERROR msg="child stuck" path=s/w incarnation=2 exit=abnormal err=boom stack=there`},
		{sup.Event{Kind: sup.ChildExited, Incarnation: 2, Exit: boom}, `WARN msg="child exited" path=s/w incarnation=2 exit=abnormal err=boom`},
		{sup.Event{Kind: sup.ChildExited, Incarnation: 2, Exit: panicked}, `WARN msg="child exited" path=s/w incarnation=2 exit=abnormal err="panic: no" stack=here`},
		{sup.Event{Kind: sup.ChildExited, Incarnation: 2, Exit: shutdown}, `DEBUG msg="child exited" path=s/w incarnation=2 exit=shutdown err=shutdown`},
		{sup.Event{Kind: sup.ChildExited, Incarnation: 2, Exit: sup.Exit{Kind: sup.ExitNormal}}, `DEBUG msg="child exited" path=s/w incarnation=2 exit=normal`},
		{sup.Event{Kind: sup.ChildRestarting, Incarnation: 2, Exit: boom}, `DEBUG msg="child restarting" path=s/w incarnation=2 exit=abnormal err=boom`},
		{sup.Event{Kind: sup.ChildRestarting, Incarnation: 2, Exit: boom, Delay: time.Second}, `INFO msg="child restarting" path=s/w incarnation=2 exit=abnormal err=boom delay=1s`},
		{sup.Event{Kind: sup.ChildStopped, Incarnation: 2, Exit: shutdown}, `INFO msg="child stopped" path=s/w incarnation=2 exit=shutdown err=shutdown`},
		{sup.Event{Kind: sup.ChildQuarantined, Incarnation: 2, Exit: boom}, `ERROR msg="child quarantined" path=s/w incarnation=2 exit=abnormal err=boom`},
		{sup.Event{Kind: sup.ChildRemoved, Incarnation: 2}, `DEBUG msg="child removed" path=s/w incarnation=2`},
		{sup.Event{Kind: sup.SupervisorStarted}, `INFO msg="supervisor started" path=s/w`},
		{sup.Event{Kind: sup.SupervisorFailed, Exit: boom}, `ERROR msg="supervisor failed" path=s/w exit=abnormal err=boom`},
		{sup.Event{Kind: sup.SupervisorStopped, Exit: sup.Exit{Kind: sup.ExitNormal}}, `INFO msg="supervisor stopped" path=s/w exit=normal`},
		{sup.Event{Kind: sup.ObserverPanicked, Exit: boom}, `ERROR msg="observer panicked" path=s/w exit=abnormal err=boom`},
	} {
		var out bytes.Buffer
		tt.event.Path = "s/w"
		sup.Log(logTo(&out, slog.LevelDebug)).Observe(tt.event)
		if diff := cmp.Diff("level="+tt.want+"\n", out.String()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.event.Kind, diff)
		}
	}
}

// Events: Log asks the logger for its level, and passes nothing below it.
func TestLogWritesNothingBelowTheLevelOfTheLogger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out bytes.Buffer
		c := make(controls)
		s, err := sup.Start(context.Background(), sup.Spec[*fake]{
			Name: "s", Observers: []sup.Observer{sup.Log(logTo(&out, slog.LevelWarn))}, Children: c.good(new(trace), "a"),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.die("a", errBoom)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		want := `level=WARN msg="child exited" path=s/a incarnation=1 exit=abnormal err=boom`
		if got := strings.TrimSpace(out.String()); got != want {
			t.Error(cmp.Diff(want, got))
		}
	})
}

// W4: The usual worker around an http.Server leaves no warning and no failure when it
// is asked to stop.
func TestTheUsualHTTPServerStopsQuietly(t *testing.T) {
	var out bytes.Buffer
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sup.Start(context.Background(), sup.Spec[*fake]{
		Name: "s", Observers: []sup.Observer{sup.Log(logTo(&out, slog.LevelWarn))},
		Children: []sup.ChildSpec[*fake]{{ID: "http", Start: makes(fake{run: func(ctx context.Context) error {
			srv := new(http.Server)
			context.AfterFunc(ctx, func() { srv.Shutdown(context.WithoutCancel(ctx)) })
			return srv.Serve(ln)
		}})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	info, _ := s.Child("http").Info()
	if info.LastExit.Kind != sup.ExitShutdown || !errors.Is(info.LastExit.Err, http.ErrServerClosed) || info.Failures != 0 || out.Len() > 0 {
		t.Errorf("exit %v, %d failures, log:\n%s", info.LastExit, info.Failures, out.String())
	}
}
