package remote_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// recordedOnly yields the recorded events and no new ones, as if these had not arrived
// when the server is asked to stop.
type recordedOnly struct{ sup.Controller }

func (c recordedOnly) Events(ctx context.Context, path string, after uint64) iter.Seq2[sup.Event, error] {
	return func(yield func(sup.Event, error) bool) {
		now, err := c.Status(ctx, "")
		if err != nil {
			yield(sup.Event{}, err)
			return
		}
		for e, err := range c.Controller.Events(ctx, "", after) {
			within := path == "" || e.Path == path
			if within && !yield(e, err) {
				return
			}
			if e.Seq >= now.Seq {
				break
			}
		}
		<-ctx.Done()
	}
}

// kindsOf returns the kinds of events and the texts of errors.
func kindsOf(all []received) (kinds []string) {
	for _, n := range all {
		if n.err != nil {
			kinds = append(kinds, n.err.Error())
			continue
		}
		kinds = append(kinds, n.event.Kind.String())
	}
	return kinds
}

// The server is the first child and stops last. A stream shows the stops of all other
// children, even of those that are gone already.
func TestAStreamShowsAShutdownUpToTheStopOfTheServer(t *testing.T) {
	for path, want := range map[string][]string{
		"tree/db":         {"child stopping", "child exited", "child stopped"},
		"tree/feeds/ACME": {"child stopping", "child exited", "child stopped"},
		"tree/feeds":      {"child stopping", "child stopping", "child exited", "child stopped", "supervisor stopped", "child exited", "child stopped"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			feeds := sup.NewKeyed(sup.KeyedSpec[string, idle]{Start: func(context.Context, string) (idle, error) { return idle{}, nil }})
			start := func(w sup.Worker) func(context.Context) (sup.Worker, error) {
				return func(context.Context) (sup.Worker, error) { return w, nil }
			}
			var s *sup.Supervisor[sup.Worker]
			var log logbook
			s = sup.New(sup.Spec[sup.Worker]{Name: "tree", Children: []sup.ChildSpec[sup.Worker]{
				{ID: "control", Start: func(context.Context) (sup.Worker, error) {
					return remote.NewServer(recordedOnly{sup.Control(s)}, remote.Config{Listener: w.listen(), Access: []remote.Grant{remote.Anyone(remote.Operator)}, Logger: log.logger()}), nil
				}},
				{ID: "db", Start: start(idle{})},
				{ID: "feeds", Start: start(feeds)},
			}})
			if err := s.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			if _, err := feeds.StartChild(t.Context(), "ACME"); err != nil {
				t.Fatal(err)
			}
			c := dial(t, w, remote.Dialer{StreamPatience: time.Nanosecond})
			defer c.Close()
			r := read(c, path, sup.FromNow)
			defer r.stop()
			r.soFar()
			begun := time.Now()
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took >= remote.DefaultGrace/4 {
				t.Errorf("%s: shutdown took %v", path, took)
			}
			all := kindsOf(r.soFar())
			if diff := cmp.Diff(append(want, "control server ending"), all); diff != "" {
				t.Errorf("%s: events (-want +got):\n%s", path, diff)
			}
		})
	}
}

// A client that does not read delays the end of the server by its grace period at most.
func TestASlowReaderDoesNotDelayTheEndOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		stop := serve(t, sup.Control(s), w, nil)
		c, err := w.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, request("Events", "Content-Type: application/connect+json\r\n", framed(0, 2, "{}")))
		synctest.Wait()
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > remote.DefaultGrace {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAStreamOfATreeWithoutRecordedEventsEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sup.Start(context.Background(), sup.Spec[idle]{Name: "plain", Record: -1, Children: []sup.ChildSpec[idle]{
			{ID: "a", Start: func(context.Context) (idle, error) { return idle{}, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		w := newWire()
		stop := serve(t, recordedOnly{sup.Control(s)}, w, nil)
		c := dial(t, w, remote.Dialer{StreamPatience: time.Nanosecond})
		defer c.Close()
		r := read(c, "plain/a", sup.FromNow)
		defer r.stop()
		r.soFar()
		if err := errors.Join(s.TerminateChild(t.Context(), "a"), s.RestartChild(t.Context(), "a")); err != nil {
			t.Error(err)
		}
		begun := time.Now()
		stop()
		if took := time.Since(begun); took >= remote.DefaultGrace/2 {
			t.Errorf("it took %v", took)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
