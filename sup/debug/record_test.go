package debug_test

import (
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/flight"
)

func TestTheFlightRecordIsServedAsAFile(t *testing.T) {
	s := start(t, auction())
	crash(t, s, "ada")
	h := debug.Handler(sup.Inspect(s))
	w := get(h, "/record?path=auction")
	r, err := flight.Read(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tree.Path != "auction" || len(r.Events) != len(recorded(s)) || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%d events of %s, %v", len(r.Events), r.Tree.Path, w.Header())
	}
	if w := get(h, "/record?path=auction/eve"); w.Code != 404 {
		t.Errorf("missing child: %d %s", w.Code, w.Body)
	}
}
