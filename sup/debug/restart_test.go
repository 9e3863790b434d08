package debug_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A slowcoach takes time to stop, and to start from its second incarnation on.
type slowcoach struct{ start, stop time.Duration }

func (w slowcoach) Initialize(ctx context.Context) error {
	if sup.Incarnation(ctx) == 1 {
		return nil
	}
	select {
	case <-time.After(w.start):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w slowcoach) Run(ctx context.Context) error {
	<-ctx.Done()
	time.Sleep(w.stop)
	return ctx.Err()
}

// shop starts a supervisor of one child.
func shop(t *testing.T, db slowcoach) *sup.Supervisor[slowcoach] {
	t.Helper()
	s, err := sup.Start(context.Background(), sup.Spec[slowcoach]{Name: "shop", Children: []sup.ChildSpec[slowcoach]{
		{ID: "db", Start: func(context.Context) (slowcoach, error) { return db, nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const restartDB = `{"op":"restart","path":"shop/db","incarnation":1}`

func TestARestartContinuesAfterItsRequest(t *testing.T) {
	for name, c := range map[string]struct {
		db   slowcoach
		rest bool // terminate it before
	}{
		"a slow stop":                 {slowcoach{stop: 4 * time.Second}, false},
		"a slow start":                {slowcoach{start: 4 * time.Second}, false},
		"a slow start of one at rest": {slowcoach{start: 4 * time.Second}, true},
		"both":                        {slowcoach{4 * time.Second, 4 * time.Second}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := shop(t, c.db)
				defer s.Shutdown(context.Background())
				if c.rest {
					if err := s.TerminateChild(t.Context(), "db"); err != nil {
						t.Fatal(err)
					}
				}
				gone, cancel := context.WithCancel(t.Context())
				began := time.Now()
				w := post(debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)), restartDB,
					func(r *http.Request) { *r = *r.WithContext(gone) })
				cancel() // as the server does after a request
				if took := time.Since(began); w.Code != http.StatusAccepted || took != 3*time.Second {
					t.Errorf("after %v: %d", took, w.Code)
				}
				mustContain(t, w.Body.String(), "shop/db: restart: still in progress after 3s")
				time.Sleep(time.Hour)
				if info, _ := s.Child("db").Info(); info.State != sup.StateRunning || info.Incarnation != 2 {
					t.Errorf("an hour later: %v, incarnation %d", info.State, info.Incarnation)
				}
			})
		})
	}
}

// Otherwise its goroutine would block the end of the bubble.
func TestARestartWithoutItsRequestEndsWithTheTree(t *testing.T) {
	for name, db := range map[string]slowcoach{
		"while it stops":  {stop: 4 * time.Second},
		"while it starts": {start: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := shop(t, db)
				if w := post(debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)), restartDB); w.Code != http.StatusAccepted {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				began := time.Now()
				if err := s.Shutdown(context.Background()); err != nil || time.Since(began) > 5*time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				synctest.Wait()
				if info, _ := s.Child("db").Info(); info.State == sup.StateRunning {
					t.Errorf("state %v", info.State)
				}
			})
		})
	}
}

func TestARestartCutsABackoffShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := auction()
		spec.Children[0].Backoff = sup.Backoff{Min: time.Hour, Max: time.Hour}
		s := start(t, spec)
		b, err := s.Child("ada").Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.fail <- errBroke
		synctest.Wait()
		w := post(debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)), `{"op":"restart","path":"auction/ada","incarnation":1}`)
		if w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning || info.Incarnation != 2 {
			t.Errorf("%v, incarnation %d", info.State, info.Incarnation)
		}
	})
}

// broken is a controller that panics.
type broken struct{ sup.Controller }

func (broken) Replace(context.Context, sup.Target) error { panic("no such luck") }

func TestAPanicDuringARestartIsAnswered(t *testing.T) {
	s := start(t, auction())
	w := post(debug.Handler(sup.Inspect(s), debug.Operator(broken{sup.Control(s)}, allowAll)),
		`{"op":"restart","path":"auction/ada","incarnation":1}`)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d", w.Code)
	}
	mustContain(t, w.Body.String(), "panic in code of the program: no such luck")
}
