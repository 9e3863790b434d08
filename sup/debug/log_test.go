package debug_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

func logger(book *logbook) debug.Option { return debug.Logger(slog.New(book)) }

func TestDeniedRequestsAreLoggedWithTheirPath(t *testing.T) {
	s := start(t, auction())
	denying := func(*http.Request) error { return errors.New("not you\x1b[2J\nlevel=INFO") }
	var book logbook
	srv := open(t, debug.Handler(sup.Inspect(s), logger(&book), debug.Operator(sup.Control(s), denying)))
	json := with("Content-Type", "application/json")
	peer := from("10.0.0.1:7")
	for _, c := range []struct {
		name string
		ask  func()
		want map[string]string
	}{
		{"authorize", func() {
			srv.ask(t, http.MethodPost, "operate", `{"op":"terminate","path":"auction/a\u001b\u202e","incarnation":1}`, json, peer)
		},
			map[string]string{"reason": "authorize", "endpoint": "operate", "method": "POST", "op": "terminate", "path": "auction/a%1B%E2%80%AE", "incarnation": "1", "err": `not you\x1b[2J / level=INFO`}},
		{"origin", func() {
			srv.ask(t, http.MethodPost, "operate", terminateAda, json, peer, with("Origin", "http://evil.example"))
		},
			map[string]string{"reason": "origin", "endpoint": "operate", "method": "POST", "op": "terminate", "path": "auction/ada", "incarnation": "1", "err": "cross-origin request detected, and/or browser is out of date: Sec-Fetch-Site is missing, and Origin does not match Host"}},
		{"host", func() { srv.ask(t, http.MethodGet, "stacks?path=auction%2Fada", "", peer, host("evil.example")) },
			map[string]string{"reason": "host", "endpoint": "stacks", "method": "GET", "path": "auction/ada", "host": "evil.example",
				"err": `host "evil.example" not allowed (open the page as localhost, or pass debug.Hosts("evil.example") to the handler)`}},
	} {
		c.ask()
		c.want["level"], c.want["message"], c.want["client"] = "WARN", "client rejected", "10.0.0.1:7"
		if diff := cmp.Diff([]map[string]string{c.want}, book.take()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestRecordsOfDeniedRequestsAreLimitedInNumberAndSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		h := debug.Handler(sup.Inspect(sup.New(auction())), logger(&book))
		flood := func(n int) {
			for i := range n {
				r := request(http.MethodGet, "/"+strings.Repeat("p", 5000)+"?path="+strings.Repeat("q", 5000), nil)
				r.Host, r.RemoteAddr = strings.Repeat("h", 5000), fmt.Sprint("\x1b", i)
				h.ServeHTTP(newDiscard(), r)
			}
		}
		flood(1000)
		foreign := request(http.MethodGet, "/events", nil)
		foreign.Header.Set("Sec-Fetch-Site", "cross-site")
		h.ServeHTTP(newDiscard(), foreign)
		time.Sleep(time.Second)
		flood(1)
		records := book.take()
		if len(records) != 3 || records[0]["suppressed"] != "" || records[1]["reason"] != "origin" || records[2]["suppressed"] != "999" {
			t.Fatalf("%d records: %v", len(records), records)
		}
		for _, r := range records {
			for key, value := range r {
				mustBePrintable(t, key, value)
				if len(value) > 1000 {
					t.Errorf("%s has %d bytes", key, len(value))
				}
			}
		}
	})
}

func TestOperatorCallsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { testOperatorCallsAreLogged(t) })
}

func testOperatorCallsAreLogged(t *testing.T) {
	s := start(t, auction())
	var book logbook
	srv := openWithin(t, debug.Handler(sup.Inspect(s), logger(&book), debug.Operator(sup.Control(s), allowAll)))
	for range 2 {
		srv.ask(t, http.MethodPost, "operate", `{"op":"restart","path":"auction/ada","incarnation":1}`, with("Content-Type", "application/json"), from("10.0.0.1:7"))
	}
	record := func(result string) map[string]string {
		return map[string]string{"level": "INFO", "message": "operator call", "op": "restart", "path": "auction/ada", "incarnation": "1", "client": "10.0.0.1:7", "result": result}
	}
	want := []map[string]string{record("done"), record("auction/ada: replace: not the current incarnation")}
	if diff := cmp.Diff(want, book.take()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestANilLoggerIsAFault(t *testing.T) {
	w := get(debug.Handler(sup.Inspect(sup.New(auction())), debug.Logger(nil)), "/tree.json")
	mustContain(t, w.Body.String(), "Logger: nil logger (pass one, or leave the option out)")
}
