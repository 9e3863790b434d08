package replay

import (
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// Record plays the scenario on stand-ins and takes the record of that.
func (sc *Scenario) Record(t *testing.T) *flight.Record {
	t.Helper()
	p := newStandInPlayer(t, sc)
	p.play()
	r, err := flight.Take(t.Context(), sup.Inspect(p.tree), "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}
