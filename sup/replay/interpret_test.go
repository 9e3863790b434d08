package replay

import (
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// A new kind of event fails this test until interpret has a case for it.
func TestEveryKindOfEventIsInterpreted(t *testing.T) {
	find := func(string) *scenario.Child { return nil }
	meaningOf := func(k sup.EventKind) meaning {
		e := sup.Event{Kind: k, Seq: 7, Time: time.Unix(1, 0), Path: "top", Exit: sup.Exit{Kind: sup.ExitNormal}}
		if k != sup.SupervisorStarted && k != sup.SupervisorFailed && k != sup.SupervisorStopped {
			e.Path, e.ID, e.Incarnation = "top/a", "a", 1
		}
		return newInterpreter("top", find, []sup.Event{e}, false).interpret()[0]
	}
	const unknown = " is of no kind that this version knows."
	for _, k := range sup.EventKinds() {
		for _, comment := range meaningOf(k).comments {
			if comment == "event 7, \""+k.String()+"\","+unknown {
				t.Errorf("%v has no case in interpret (interpret.go): say what it means to a scenario, or that it means nothing", k)
			}
		}
	}
	if got := meaningOf(200).comments; len(got) != 1 || got[0] != `event 7, "sup.EventKind(200)",`+unknown {
		t.Errorf("an event of a later version has the comments %q", got)
	}
}
