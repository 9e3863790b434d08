package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// quick returns a config for a short run. Runs are in real time, because the virtual time
// of a bubble stands still while a goroutine waits for the network.
func quick(seed uint64) config { return config{seed: seed, orders: 60} }

var fills = cmp.AllowUnexported(fill{})

func TestEveryOrderIsFilledOnceWhateverBreaks(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			var tree strings.Builder
			s := newService(quick(seed), &tree)
			if err := s.orders.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.tape.tradeInLoop(), s.database.books, fills); diff != "" {
				t.Errorf("the books (-plain loop +service):\n%s", diff)
			}
			if diff := cmp.Diff(s.chaos.plan, s.chaos.triggered.Snapshot(), cmp.AllowUnexported(order{})); diff != "" {
				t.Errorf("failures (-planned +observed):\n%s", diff)
			}
			if s.chaos.accepted.Load() < 2 {
				t.Error("the web server was not broken and used again")
			}
			for _, want := range []string{"├── db permanent running, restarts ", "── ACME transient stopped"} {
				if !strings.Contains(tree.String(), want) {
					t.Errorf("no %q in the tree:\n%s", want, &tree)
				}
			}
		})
	}
}

func TestTheOutputSaysWhatWasVerified(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), quick(1), &out); err != nil {
		t.Fatal(err)
	}
	if want := "verified: 480 orders, each matched once"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in the output:\n%s", want, &out)
	}
}

func TestChildrenStopInReverseOrder(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	var stopped []string
	observer := sup.ObserverFunc(func(e sup.Event) {
		switch {
		case e.Kind == sup.SupervisorStarted && e.Path == "orders":
			cancel(enough)
		case e.Kind == sup.ChildStopped && strings.Count(e.Path, "/") == 1:
			stopped = append(stopped, e.ID)
		}
	})
	c := quick(1)
	c.pace = time.Hour // so that the run does not end
	if err := run(ctx, c, io.Discard, observer); !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
	if diff := cmp.Diff([]string{"desk", "web", "feeds", "match", "db"}, stopped); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
}

func TestARunWithoutOrdersIsRefused(t *testing.T) {
	if err := run(t.Context(), config{}, io.Discard); err == nil || err.Error() != "0 orders: use 1 or more" {
		t.Errorf("error %v", err)
	}
}

func TestVerificationFindsEveryDifference(t *testing.T) {
	plain := newTape(1, 3).tradeInLoop()
	for name, tamper := range map[string]func(book []fill) []fill{
		"lost":    func(book []fill) []fill { return book[:2] },
		"doubled": func(book []fill) []fill { return append(book, book[2]) },
		"another price": func(book []fill) []fill {
			return []fill{book[0], {book[1].seq, book[1].shares, book[1].price + 1}, book[2]}
		},
	} {
		t.Run(name, func(t *testing.T) {
			books := maps.Clone(plain)
			if err := verify(books, plain, io.Discard); err != nil {
				t.Fatal(err)
			}
			books["CORE"] = tamper(books["CORE"])
			if err := verify(books, plain, io.Discard); !errors.Is(err, errDiffers) {
				t.Errorf("error %v, want %v", err, errDiffers)
			}
		})
	}
}

func TestAFillIsRecordedOnce(t *testing.T) {
	d := newDatabase()
	for _, seq := range []int{0, 1, 0, 1, 2} {
		d.record("ACME", fill{seq: seq})
	}
	if diff := cmp.Diff([]fill{{seq: 0}, {seq: 1}, {seq: 2}}, d.books["ACME"], fills); diff != "" || d.refused != 2 {
		t.Errorf("refused %d, want 2; the book (-want +got):\n%s", d.refused, diff)
	}
}
