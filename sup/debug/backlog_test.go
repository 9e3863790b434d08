package debug_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// Before the recorded events have come, the page cannot say what has not happened.
func TestAMessageSaysWhetherRecordedEventsAreStillToCome(t *testing.T) {
	silent := auction()
	silent.Record = -1 // its events are numbered, and none is recorded
	for name, spec := range map[string]sup.Spec[*bidder]{"recorded": auction(), "not recorded": silent} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, spec)
				if name == "recorded" {
					crash(t, s, "ada")
				}
				r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
				defer r.close()
				time.Sleep(10 * time.Second)
				var last uint64
				all := r.messages(t)
				for _, m := range all {
					if _, seqs := kinds([]message{m}); len(seqs) > 0 {
						last = seqs[len(seqs)-1]
					}
					if complete := last == lastEvent(t, s); name == "recorded" && complete == m.Backlog {
						t.Errorf("after event %d of %d: backlog %v", last, lastEvent(t, s), m.Backlog)
					}
				}
				if all[len(all)-1].Backlog {
					t.Error("the page still waits for events")
				}
				if name == "not recorded" && !all[0].Backlog {
					t.Error("the page claims that there were no events")
				}
			})
		})
	}
}
