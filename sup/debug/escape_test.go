package debug_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/flight"
)

// hostile has each kind of terminal control, and characters that reorder text.
const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\U000e0041"

// startHostile starts a tree with a child whose id and error are hostile.
func startHostile(t *testing.T) *sup.Keyed[string, *bidder] {
	t.Helper()
	k := sup.NewKeyed(sup.KeyedSpec[string, *bidder]{
		Name:  "hall \u202e",
		Start: func(ctx context.Context, _ string) (*bidder, error) { return newBidder(ctx) },
	})
	if err := k.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	before := lastEvent(t, k)
	child, err := k.StartChild(t.Context(), "line\n└── "+hostile)
	if err != nil {
		t.Fatal(err)
	}
	b, err := child.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.fail <- errors.New("broke " + hostile + "\x1b]0;pwned\x07")
	for e := range sup.Inspect(k).Events(t.Context(), "", before) {
		if e.Kind == sup.ChildReady && e.Incarnation == 2 {
			return k
		}
	}
	t.Fatal("supervisor ended")
	return nil
}

// curl writes answers to a terminal.
func TestServedTextHasNoTerminalControls(t *testing.T) {
	k := startHostile(t)
	var c kv.Context[string, string]
	c.Set(hostile, hostile)
	control := sup.Control(k)
	refusing := func(r *http.Request) error {
		if r.Header.Get("X-Refuse") != "" {
			return errors.New("refused " + hostile)
		}
		return nil
	}
	srv := open(t, debug.Handler(sup.Inspect(k), debug.Values("c", &c), debug.Operator(control, refusing)))
	path := url.QueryEscape(k.Snapshot().Path + "/" + hostile)
	for _, target := range []string{
		"tree.json", "tree.txt", "record", "state", "state?name=c", "stacks?path=" + url.QueryEscape(sup.ChildPath(k.Snapshot().Path, k.Children()[0].ID)),
		"tree.json?path=" + path, "tree.txt?path=" + path, "record?path=" + path, "stacks?path=" + path, "state?name=" + path, "watch?name=" + path,
		"nonsense" + url.PathEscape(hostile), "leaks?path=" + path,
	} {
		a := srv.ask(t, http.MethodGet, target, "")
		mustBePrintable(t, target, a.body)
		if a.header.Get("Content-Type") == "application/json" && !json.Valid([]byte(a.body)) {
			t.Errorf("%s: invalid JSON: %s", target, a.body)
		}
	}
	mustBePrintable(t, "events", srv.head(t, "events", `"events":[`))
	order, err := json.Marshal(map[string]any{"op": "restart", "path": "hall/" + hostile, "incarnation": 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*http.Request){
		"refused": with("X-Refuse", "yes"), "not found": func(*http.Request) {}, "another origin": with("Origin", "http://x.example"),
	} {
		a := srv.ask(t, http.MethodPost, "operate", string(order), with("Content-Type", "application/json"), change)
		mustBePrintable(t, name, a.body)
	}
	mustBePrintable(t, "an unknown op", srv.ask(t, http.MethodPost, "operate", `{"op":"\u009b","path":"a"}`, with("Content-Type", "application/json")).body)
}

// Escapes change the text of JSON and not its value.
func TestEscapesKeepTheValueOfJSON(t *testing.T) {
	k := startHostile(t)
	srv := open(t, debug.Handler(sup.Inspect(k)))
	var tree sup.SupervisorInfo
	if err := json.Unmarshal([]byte(srv.ask(t, http.MethodGet, "tree.json", "").body), &tree); err != nil {
		t.Fatal(err)
	}
	if want := k.Children()[0].ID; len(tree.Children) != 1 || tree.Children[0].ID != want {
		t.Errorf("children %+v, want %q", tree.Children, want)
	}
	record, err := flight.Read(strings.NewReader(srv.ask(t, http.MethodGet, "record", "").body))
	if err != nil {
		t.Fatal(err)
	}
	if record.Tree.Name != k.Snapshot().Name {
		t.Errorf("the name is %q", record.Tree.Name)
	}
}

// A line end in a key does not forge a child.
func TestEachChildIsOneLineOfTheDrawing(t *testing.T) {
	srv := open(t, debug.Handler(sup.Inspect(startHostile(t))))
	text := srv.ask(t, http.MethodGet, "tree.txt", "").body
	if n := strings.Count(text, "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	mustContain(t, text, `line\n└── \x1b[2J\a\r\x7f\u009b31m`, `broke \x1b[2J`)
}
