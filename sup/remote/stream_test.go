package remote_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// A reader reads events in a goroutine of its own.
type reader struct {
	items chan received
	stop  func()
}

type received struct {
	event sup.Event
	err   error
}

func read(i sup.Inspector, path string, after uint64) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{items: make(chan received, 10_000), stop: cancel}
	go func() {
		defer close(r.items)
		for e, err := range i.Events(ctx, path, after) {
			r.items <- received{e, err}
		}
	}()
	return r
}

// soFar returns what was received until all goroutines are blocked.
func (r *reader) soFar() (all []received) {
	synctest.Wait()
	for {
		select {
		case n, ok := <-r.items:
			if !ok {
				return all
			}
			all = append(all, n)
		default:
			return all
		}
	}
}

// numbers returns the event numbers, with 0 for each error.
func numbers(all []received) []uint64 {
	list := make([]uint64, len(all))
	for i, n := range all {
		list[i] = n.event.Seq
	}
	return list
}

func sequence(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func lastEvent(t *testing.T, s sup.AnySupervisor) uint64 {
	t.Helper()
	status, err := sup.Inspect(s).Status(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return status.Seq
}

func TestAStreamHasTheSameEventsAsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		for _, from := range []struct {
			path  string
			after uint64
		}{{"", 0}, {"shop", 5}, {"shop/feeds", 0}, {"shop/db", 0}, {"", sup.FromNow}, {"shop/none", 0}, {"shop/db/x", 0}} {
			here, there := read(sup.Inspect(s), from.path, from.after), read(c, from.path, from.after)
			synctest.Wait()
			s.db.fail <- errLost
			time.Sleep(2 * time.Minute) // it comes back after its backoff; heartbeats come
			if _, err := s.feeds.StartChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
			if err := s.feeds.RemoveChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(here.soFar(), there.soFar(), cmp.AllowUnexported(received{}), sameErrors); diff != "" {
				t.Errorf("%+v (-process +client):\n%s", from, diff)
			}
			here.stop()
			there.stop()
			for range there.items {
			}
		}
	})
}

func TestAStreamResumesAfterALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		var log logbook
		c := dial(t, w, remote.Dialer{Logger: log.logger()})
		defer c.Close()
		for _, after := range []uint64{0, sup.FromNow} {
			r := read(c, "", after)
			first := max(after+1, 1)
			if after == sup.FromNow {
				first = lastEvent(t, s) + 1
			}
			synctest.Wait()
			for range 5 {
				w.cut()
				s.db.fail <- errLost
				time.Sleep(2 * time.Minute) // longer than any backoff
			}
			if diff := cmp.Diff(sequence(first, lastEvent(t, s)), numbers(r.soFar())); diff != "" {
				t.Errorf("numbers of the events (-want +got):\n%s", diff)
			}
			r.stop()
			for range r.items {
			}
		}
		for _, want := range []string{"event stream interrupted", "event stream resumed"} {
			if n := strings.Count(log.String(), want); n != 10 {
				t.Errorf("%q logged %d times, want 10:\n%s", want, n, log.String())
			}
		}
	})
}

func TestAStreamResumesWithTheNextServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		stop := serve(t, sup.Control(s), w, nil)
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		r := read(c, "", 0)
		synctest.Wait()
		stop()
		s.db.fail <- errLost
		time.Sleep(time.Minute)
		if _, err := c.Status(t.Context(), ""); !errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("without a server: %v", err)
		}
		defer serve(t, sup.Control(s), w, nil)()
		time.Sleep(time.Minute)
		if diff := cmp.Diff(sequence(1, lastEvent(t, s)), numbers(r.soFar())); diff != "" {
			t.Errorf("numbers of the events (-want +got):\n%s", diff)
		}
		r.stop()
		if _, err := c.Status(t.Context(), ""); err != nil {
			t.Errorf("with the next server: %v", err)
		}
	})
}

func TestAStreamGivesUpAfterStreamPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		c := dial(t, w, remote.Dialer{StreamPatience: time.Minute, Logger: log.logger()})
		defer c.Close()
		stop := serve(t, sup.Control(s), w, nil)
		r := read(c, "", 0)
		for range 3 { // it is patient each time
			r.soFar()
			stop()
			time.Sleep(50 * time.Second)
			stop = serve(t, sup.Control(s), w, nil)
			time.Sleep(10 * time.Second)
		}
		if all := r.soFar(); len(all) > 0 {
			t.Errorf("received %v", all)
		}
		stop()
		time.Sleep(time.Minute)
		all := r.soFar()
		if len(all) != 1 || !errors.Is(all[0].err, remote.ErrUnreachable) {
			t.Errorf("received %v", all)
		}
		if _, open := <-r.items; open {
			t.Error("the stream continues")
		}
		for line, want := range map[string]int{"level=WARN": 4, "level=INFO": 3} {
			if n := strings.Count(log.String(), line); n != want {
				t.Errorf("%d lines of %s, want %d:\n%s", n, line, want, &log)
			}
		}
	})
}

func TestAStreamReportsSkippedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		stop := serve(t, sup.Control(s), w, nil)
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		r := read(c, "", 0)
		seen := r.soFar()
		last := seen[len(seen)-1].event.Seq
		stop()
		for range sup.DefaultRecord { // more events than the record holds
			s.db.fail <- errLost
			time.Sleep(2 * time.Minute)
		}
		defer serve(t, sup.Control(s), w, nil)()
		time.Sleep(time.Minute)
		missed := r.soFar()
		r.stop()
		if len(missed) < 2 {
			t.Fatalf("received %v", missed)
		}
		skipped, ok := errors.AsType[*sup.SkippedError](missed[0].err)
		if !ok || skipped.After != last {
			t.Errorf("first: %v, want a gap after event %d", missed[0].err, last)
		}
		now := lastEvent(t, s)
		if diff := cmp.Diff(sequence(now-uint64(len(missed))+2, now), numbers(missed[1:])); diff != "" {
			t.Errorf("numbers of the events after that (-want +got):\n%s", diff)
		}
	})
}

func TestAStreamReportsARestartOfTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := startShop(t), startShop(t)
		defer first.end(t)
		defer second.end(t)
		w := newWire()
		stop := serve(t, sup.Control(first), w, nil)
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		r := read(c, "", 0)
		seen := r.soFar()
		last := seen[len(seen)-1].event.Seq
		stop()
		defer remote.RestartProgram()()
		defer serve(t, sup.Control(second), w, nil)()
		time.Sleep(time.Minute)
		all := r.soFar()
		r.stop()
		for range r.items {
		}
		if len(all) < 2 {
			t.Fatalf("received %v", all)
		}
		gap, ok := errors.AsType[*sup.SkippedError](all[0].err)
		if !errors.Is(all[0].err, remote.ErrNewProgram) || !ok || gap.After != last {
			t.Errorf("first: %v", all[0].err)
		}
		if diff := cmp.Diff(sequence(1, lastEvent(t, second)), numbers(all[1:])); diff != "" {
			t.Errorf("numbers of the events after that (-want +got):\n%s", diff)
		}
		fresh := read(c, "", 0) // of which nothing was skipped
		if all := fresh.soFar(); len(all) == 0 || all[0].err != nil {
			t.Errorf("stream from the beginning: %v", all)
		}
		fresh.stop()
		for range fresh.items {
		}
		late := read(c, "", last+100) // a number of this program
		if all := late.soFar(); len(all) > 0 {
			t.Errorf("stream from the end: %v", all)
		}
		late.stop()
		for range late.items {
		}
	})
}

func TestAStreamEndsWithTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		r := read(c, "shop", 0)
		defer r.stop()
		s.end(t)
		all := r.soFar()
		if last := all[len(all)-1]; last.event.Kind != sup.SupervisorStopped || last.err != nil {
			t.Errorf("last: %+v", last)
		}
		if _, open := <-r.items; open {
			t.Error("the stream continues")
		}
	})
}

func TestASilentStreamIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		var last atomic.Pointer[mutableConn]
		d := remote.Dialer{Connect: func(ctx context.Context) (net.Conn, error) {
			c, err := w.dial(ctx)
			if err != nil {
				return nil, err
			}
			m := &mutableConn{Conn: c}
			last.Store(m)
			return m, nil
		}}
		c, err := d.Dial("wire:1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := read(c, "", 0)
		r.soFar()
		last.Load().mute.Store(true) // it hears nothing more, and is not closed
		s.db.fail <- errLost
		time.Sleep(time.Minute)
		if all := r.soFar(); len(all) == 0 || all[0].err != nil {
			t.Errorf("received %v", all)
		}
		r.stop()
		for range r.items {
		}
		time.Sleep(time.Minute) // the server gives up on the mute connection
	})
}

// A mutableConn is a connection that receives nothing once it is muted.
type mutableConn struct {
	net.Conn
	mute atomic.Bool
}

func (m *mutableConn) Read(b []byte) (int, error) {
	for {
		n, err := m.Conn.Read(b)
		if err != nil || !m.mute.Load() {
			return n, err
		}
	}
}
