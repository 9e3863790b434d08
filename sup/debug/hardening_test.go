package debug_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

const terminateAda = `{"op":"terminate","path":"auction/ada","incarnation":1}`

// This includes answers with an error.
func TestAllAnswersForbidFramesAndSniffingAndAreNotStored(t *testing.T) {
	s := start(t, auction())
	var c kv.Context[string, int]
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Keys("c", &c), debug.Operator(sup.Control(s), allowAll)))
	check := func(name string, header http.Header) {
		t.Helper()
		for key, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "no-referrer",
		} {
			if !strings.Contains(header.Get(key), want) {
				t.Errorf("%s: %s is %q", name, key, header.Get(key))
			}
		}
		cache := "no-store"
		if name == "" || strings.HasPrefix(name, "page.") { // the same for everyone
			cache = "no-cache"
		}
		if header.Get("Cache-Control") != cache {
			t.Errorf("%q: Cache-Control is %q", name, header.Get("Cache-Control"))
		}
		for key := range header {
			if strings.HasPrefix(key, "Access-Control-") {
				t.Errorf("%s: %s: %s", name, key, header.Get(key))
			}
		}
	}
	for _, target := range endpoints {
		response := srv.begin(t, t.Context(), http.MethodGet, target, "", with("Origin", srv.URL))
		response.Body.Close()
		check(target, response.Header)
		if target != "" && !strings.HasPrefix(target, "page.") {
			check(target, srv.ask(t, http.MethodGet, target, "", host("evil.example")).header)
		}
	}
	for name, a := range map[string]answer{
		"not found":  srv.ask(t, http.MethodGet, "tree.json?path=nonsense", ""),
		"a call":     srv.ask(t, http.MethodPost, "operate", terminateAda, with("Content-Type", "application/json")),
		"a bad call": srv.ask(t, http.MethodPost, "operate", "{}", with("Content-Type", "application/json")),
		"preflight":  srv.ask(t, http.MethodOptions, "operate", "", with("Origin", "http://evil.example"), with("Access-Control-Request-Method", "POST")),
		"too long":   srv.ask(t, http.MethodGet, "tree.json?path="+strings.Repeat("x", 20_000), ""),
	} {
		check(name, a.header)
	}
}

func TestNoOtherMethodMakesACall(t *testing.T) {
	s := start(t, auction())
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)))
	for _, override := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PoSt", "X" + strings.Repeat("Y", 1000)} {
			for _, target := range []string{"operate", "operate?_method=POST"} {
				a := srv.ask(t, method, target, terminateAda, with("Content-Type", "application/json"), with(override, "POST"))
				if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" || len(a.body) > 1000 {
					t.Errorf("%.20s %s: %d %s", method, target, a.status, a.body)
				}
			}
		}
	}
	if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning {
		t.Errorf("the child is %v", info.State)
	}
}

// A proxy that restricts operate may compare escaped paths.
func TestAnEscapedPathSelectsNothing(t *testing.T) {
	s := start(t, auction())
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)))
	for _, target := range []string{"x%2foperate", "%2Foperate", "%6fperate", "operate%00", "operate%20", "operate;a=b", "OPERATE", "operate%2f", "tree%2ejson", `x%5coperate`, "%2e%2e%2foperate", "page%2ejs"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a := srv.ask(t, method, target, terminateAda, with("Content-Type", "application/json"))
			if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d %s", method, target, a.status, a.body)
			}
		}
	}
	if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning {
		t.Errorf("the child is %v", info.State)
	}
}

func TestALongQueryIsDeniedAndNotEchoed(t *testing.T) {
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction()))))
	for _, target := range endpoints {
		name, _, _ := strings.Cut(target, "?")
		a := srv.ask(t, http.MethodGet, name+"?path="+strings.Repeat("x", 100_000), "")
		if a.status != http.StatusRequestURITooLong || len(a.body) > 1000 {
			t.Errorf("%s: %d, %d bytes", target, a.status, len(a.body))
		}
	}
	long := strings.Repeat("x", 10_000)
	if a := srv.ask(t, http.MethodGet, long, ""); a.status != http.StatusNotFound || len(a.body) > 1000 {
		t.Errorf("a long name: %d, %d bytes", a.status, len(a.body))
	}
	if a := srv.ask(t, http.MethodGet, "tree.txt", "", host(long)); a.status != http.StatusForbidden || len(a.body) > 2000 {
		t.Errorf("a long host: %d, %d bytes", a.status, len(a.body))
	}
}

// untouched fails the test if it is read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// FormValue would read a multipart form into memory and files, whatever the method.
func TestTheBodyOfAGETIsNotRead(t *testing.T) {
	var c kv.Context[string, int]
	h := debug.Handler(sup.Inspect(start(t, auction())), debug.Keys("c", &c))
	form := multipart.NewWriter(new(bytes.Buffer))
	for _, target := range []string{"tree.json", "tree.txt", "record", "stacks", "leaks", "state?name=c", "state?name=d", "page.js"} {
		r := request(http.MethodGet, "/debug/sup/"+target, untouched{t})
		r.Header.Set("Content-Type", form.FormDataContentType())
		h.ServeHTTP(newDiscard(), r)
	}
}

type discard struct{ header http.Header }

func newDiscard() discard                         { return discard{make(http.Header)} }
func (d discard) Header() http.Header             { return d.header }
func (d discard) WriteHeader(int)                 {}
func (d discard) Write(b []byte) (n int, e error) { return len(b), nil }

func TestACallThatIsSentTooSlowlyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sup.New(auction())
		w, ended, end := serveRaw(t, debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)), nil)
		defer end()
		conn, err := w.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(conn, "POST /operate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"op\":")
			for err == nil {
				time.Sleep(time.Second)
				_, err = io.WriteString(conn, " ")
			}
			sent <- err
		}()
		text, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		mustContain(t, string(text), "400 Bad Request", "Connection: close", "unreadable request")
		if took := (<-ended).Sub(began); took != 10*time.Second {
			t.Errorf("ended after %v", took)
		}
		conn.Close()
		<-sent
	})
}

func TestUnsentCallsOfOnePeerDoNotBlockOtherPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sup.New(auction())
		w, _, end := serveRaw(t, mounted(debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))), nil)
		defer end()
		for range 8 {
			conn, err := w.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST /debug/sup/operate HTTP/1.1\r\nHost: localhost\r\nX-Peer: 10.0.0.1:1\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		client := &http.Client{Transport: &http.Transport{DialContext: w.dial}}
		defer client.CloseIdleConnections()
		srv := site{"http://localhost", client}
		call := func(peer string) answer {
			return srv.ask(t, http.MethodPost, "operate", "{}", with("Content-Type", "application/json"), from(peer))
		}
		mustBeBusy(t, call("10.0.0.1:1"), "calls")
		if a := call("10.0.0.2:1"); a.status != http.StatusBadRequest {
			t.Errorf("another machine: %d %s", a.status, a.body)
		}
		if a := srv.ask(t, http.MethodGet, "tree.json", "", from("10.0.0.1:1")); a.status != http.StatusOK {
			t.Errorf("an answer: %d %s", a.status, a.body)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if a := call("10.0.0.1:1"); a.status != http.StatusBadRequest {
			t.Errorf("after the timeout: %d %s", a.status, a.body)
		}
	})
}

func TestAPanicInAuthorizeDeniesTheCall(t *testing.T) {
	s := start(t, auction())
	for _, value := range []any{"secret", fmt.Errorf("secret"), http.ErrAbortHandler, rudePanic{}} {
		var book logbook
		srv := open(t, debug.Handler(sup.Inspect(s), logger(&book), debug.Operator(sup.Control(s), func(*http.Request) error { panic(value) })))
		a := srv.ask(t, http.MethodPost, "operate", terminateAda, with("Content-Type", "application/json"))
		if a.status != http.StatusInternalServerError || a.body != "operate: call denied: panic in authorize\n" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if records := book.take(); len(records) != 1 || !strings.HasPrefix(records[0]["err"], "panic: ") || records[0]["path"] != "auction/ada" {
			t.Errorf("log: %v", records)
		}
	}
	if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning {
		t.Errorf("the child is %v", info.State)
	}
}

type rudePanic struct{}

func (rudePanic) Error() string { panic("no text") }

func TestAuthorizeSeesAnEmptyBodyAndTheCallIsMade(t *testing.T) {
	s := start(t, auction())
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), func(r *http.Request) error {
		if b, err := io.ReadAll(r.Body); len(b) > 0 || err != nil {
			t.Errorf("body %q, %v", b, err)
		}
		return r.ParseForm()
	})))
	mustBeMade(t, srv.ask(t, http.MethodPost, "operate", terminateAda, with("Content-Type", "application/json")))
}

func TestDataAfterACallIsAFault(t *testing.T) {
	s := start(t, auction())
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll)))
	for _, more := range []string{terminateAda, "}", "x", `,{"op":"shutdown"}`} {
		a := srv.ask(t, http.MethodPost, "operate", terminateAda+more, with("Content-Type", "application/json"))
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "data after the JSON object") {
			t.Errorf("%q: %d %s", more, a.status, a.body)
		}
	}
}

// Streams use connections, so not even another page of the same site may open one.
func TestPagesOfOtherOriginsCannotOpenStreams(t *testing.T) {
	var c kv.Context[string, int]
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction())), debug.Keys("c", &c)))
	for _, target := range []string{"events", "watch?name=c"} {
		for name, change := range map[string]func(*http.Request){
			"cross-site": with("Sec-Fetch-Site", "cross-site"), "same-site": with("Sec-Fetch-Site", "same-site"),
			"another origin": with("Origin", "http://evil.example"), "an opaque origin": with("Origin", "null"),
		} {
			if a := srv.ask(t, http.MethodGet, target, "", change); a.status != http.StatusForbidden {
				t.Errorf("%s, %s: %d", target, name, a.status)
			}
		}
		for name, change := range map[string]func(*http.Request){
			"no browser": with("Accept", "*/*"), "the page": with("Sec-Fetch-Site", "same-origin"), "the address bar": with("Sec-Fetch-Site", "none"),
			"the page, by its origin": with("Origin", srv.URL),
		} {
			response := srv.begin(t, t.Context(), http.MethodGet, target, "", change)
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s, %s: %s", target, name, response.Status)
			}
		}
	}
}

// The handler calls Events in a goroutine of its own.
type panicking struct{ sup.Inspector }

func (panicking) Events(context.Context, string, uint64) iter.Seq2[sup.Event, error] {
	return func(func(sup.Event, error) bool) { panic("no events") }
}

func TestAPanicInAnInspectorDoesNotEndTheProgram(t *testing.T) {
	srv := open(t, debug.Handler(panicking{sup.Inspect(start(t, auction()))}))
	text := srv.head(t, "events", "no events")
	mustContain(t, text, `"path":"auction/ada"`, "panic in code of the program: no events")
}

// The handler calls AsType for the stack of an error.
func TestAStreamSurvivesAPanicInAnAsMethod(t *testing.T) {
	s := start(t, auction())
	b, err := s.Child("ada").Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.fail <- rudeAs{}
	srv := open(t, debug.Handler(sup.Inspect(s)))
	srv.head(t, "events", `"kind":"child exited"`)
}

type rudeAs struct{}

func (rudeAs) Error() string { return "rude" }
func (rudeAs) As(any) bool   { panic("no type") }
