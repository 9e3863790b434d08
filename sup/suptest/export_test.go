package suptest

import (
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// Record plays a scenario on stand-ins and returns what was on record then.
func (sc *Scenario) Record(t *testing.T) *flight.Record {
	t.Helper()
	f := NewFaults(t)
	s := newStandIns(f)
	p := newPlayer(t, sc, f, s.tree(sc.Name, sc.root), s)
	p.play()
	r, err := flight.Take(t.Context(), sup.Inspect(p.tree), "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}
