package debug_test

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A waiter leaks a goroutine in each incarnation.
type waiter struct{}

func (waiter) Run(ctx context.Context) error {
	never := make(chan int)
	go func() { <-never }()
	<-ctx.Done()
	return ctx.Err()
}

func TestLeakedGoroutinesAreListedByIncarnation(t *testing.T) {
	s, err := sup.Start(t.Context(), sup.Spec[waiter]{Name: "hall", Labels: true, Children: []sup.ChildSpec[waiter]{
		{ID: "one", Start: func(context.Context) (waiter, error) { return waiter{}, nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.TerminateChild(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		if err := s.RestartChild(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.TerminateChild(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	runtime.Gosched()
	w := get(debug.Handler(sup.Inspect(s)), "/leaks?path=hall/one")
	if pprof.Lookup("goroutineleak") == nil {
		if w.Code != http.StatusNotImplemented {
			t.Errorf("without the profile: %d", w.Code)
		}
		mustContain(t, w.Body.String(), "GOEXPERIMENT=goroutineleakprofile")
		return
	}
	intended = 3
	var report struct {
		Leaks []struct {
			Path, Stack        string
			Incarnation, Count int
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	found := make(map[int]int)
	for _, l := range report.Leaks {
		found[l.Incarnation] += l.Count
		mustContain(t, l.Stack, "waiter.Run.func1")
	}
	if len(found) != 3 || found[1] != 1 || found[2] != 1 || found[3] != 1 {
		t.Errorf("leaks by incarnation: %v", found)
	}
	if other := get(debug.Handler(sup.Inspect(s)), "/leaks?path=hall/two").Body.String(); other != "{\"leaks\":[],\"unlabelled\":0}\n" {
		t.Errorf("another child: %s", other)
	}
}

// elsewhere is an inspector of another program's tree.
type elsewhere struct{ sup.Inspector }

func TestLeaksAreNotSearchedForInTheTreeOfAnotherProgram(t *testing.T) {
	h := debug.Handler(elsewhere{sup.Inspect(sup.New(auction()))})
	if w := get(h, "/leaks?path=auction/ada"); w.Code != http.StatusNotImplemented {
		t.Errorf("%d", w.Code)
	}
}
