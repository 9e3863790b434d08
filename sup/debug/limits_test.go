package debug_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

func mustBeBusy(t *testing.T, a answer, of string) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "too many "+of+" at the same time") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

func TestTheNumberOfStreamsIsLimited(t *testing.T) {
	var c kv.Context[string, int]
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction())), debug.Keys("c", &c)))
	hangUp := make(map[string][]context.CancelFunc)
	opened := func(peer string) {
		ctx, cancel := context.WithCancel(t.Context())
		target := "events"
		if len(hangUp[peer])%2 == 1 {
			target = "watch?name=c"
		}
		response := srv.begin(t, ctx, http.MethodGet, target, "", from(peer))
		if response.StatusCode != http.StatusOK {
			t.Fatalf("stream %d of %s: %s", len(hangUp[peer]), peer, response.Status)
		}
		hangUp[peer] = append(hangUp[peer], func() {
			cancel()
			response.Body.Close()
		})
	}
	for i := range 32 { // each from another port
		opened(fmt.Sprintf("10.0.0.1:%d", 1000+i))
	}
	mustBeBusy(t, srv.ask(t, http.MethodGet, "events", "", from("10.0.0.1:1")), "streams")
	mustBeBusy(t, srv.ask(t, http.MethodGet, "watch?name=c", "", from("[::ffff:10.0.0.1]:1")), "streams")
	for i := range 31 {
		opened(fmt.Sprintf("[2001:db8::%x]:80", i))
	}
	opened("10.0.0.2:1")
	mustBeBusy(t, srv.ask(t, http.MethodGet, "events", "", from("10.0.0.3:1")), "streams")
	if a := srv.ask(t, http.MethodGet, "tree.json", "", from("10.0.0.1:1")); a.status != http.StatusOK {
		t.Errorf("tree.json: %d", a.status)
	}
	hangUp["10.0.0.2:1"][0]()
	eventually(t, func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		response := srv.begin(t, ctx, http.MethodGet, "events", "", from("10.0.0.3:1"))
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	for _, all := range hangUp {
		for _, f := range all {
			f()
		}
	}
}

// eventually waits for a condition in a server.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
		time.Sleep(time.Millisecond)
	}
}

// A gated inspector answers once it is released.
type gated struct {
	sup.Inspector
	asked   chan struct{}
	release chan struct{}
}

func (g gated) Snapshot(ctx context.Context, path string) (sup.SupervisorInfo, error) {
	g.asked <- struct{}{}
	select {
	case <-g.release:
		return g.Inspector.Snapshot(ctx, path)
	case <-ctx.Done():
		return sup.SupervisorInfo{}, context.Cause(ctx)
	}
}

func TestTheNumberOfAnswersInProgressIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := gated{sup.Inspect(sup.New(auction())), make(chan struct{}, 100), make(chan struct{})}
		srv := openWithin(t, debug.Handler(tree))
		answers := make(chan answer, 16)
		for i := range 16 {
			go func() {
				answers <- srv.ask(t, http.MethodGet, []string{"tree.json", "tree.txt", "record"}[i%3], "", from(fmt.Sprintf("10.0.0.%d:%d", i/8, i)))
			}()
			<-tree.asked
			if i == 7 {
				mustBeBusy(t, srv.ask(t, http.MethodGet, "tree.json", "", from("10.0.0.0:1")), "answers")
			}
		}
		for _, target := range []string{"tree.json", "tree.txt", "record", "stacks?path=auction/ada", "leaks", "state"} {
			mustBeBusy(t, srv.ask(t, http.MethodGet, target, "", from("10.0.0.9:1")), "answers")
		}
		if a := srv.ask(t, http.MethodGet, "", "", from("10.0.0.9:1")); a.status != http.StatusOK {
			t.Errorf("the page itself: %d", a.status)
		}
		close(tree.release)
		for range 16 {
			if a := <-answers; a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		synctest.Wait()
		if a := srv.ask(t, http.MethodGet, "tree.json", "", from("10.0.0.0:1")); a.status != http.StatusOK {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

// large declares a tree whose answer exceeds the buffers of a connection.
func large() sup.Spec[*bidder] {
	spec := sup.Spec[*bidder]{Name: "auction"}
	for i := range 2000 {
		spec.Children = append(spec.Children, sup.ChildSpec[*bidder]{ID: fmt.Sprintf("bidder-%d", i), Start: newBidder})
	}
	return spec
}

func TestAClientThatDoesNotReadAnAnswerLosesItsConnection(t *testing.T) {
	for _, target := range []string{"tree.json", "tree.txt", "record", "page.css"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if took := unread(t, debug.Handler(sup.Inspect(sup.New(large()))), nil, target); took != 10*time.Second {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}

// serveRaw serves a handler in a bubble, and sends the time when a request has ended.
func serveRaw(t *testing.T, h http.Handler, configure func(*http.Server)) (w *wire, ended chan time.Time, end func()) {
	t.Helper()
	w = newWire()
	ended = make(chan time.Time, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- time.Now() }()
		h.ServeHTTP(w, r)
	})}
	if configure != nil {
		configure(server)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(w) }()
	return w, ended, func() {
		server.Close()
		<-served
	}
}

// unread sends a request whose answer is not read, and returns the time until the
// request ends.
func unread(t *testing.T, h http.Handler, configure func(*http.Server), target string) time.Duration {
	t.Helper()
	w, ended, end := serveRaw(t, h, configure)
	defer end()
	conn, err := w.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if _, err := io.WriteString(conn, "GET /"+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return (<-ended).Sub(began)
}

// No deadline of an answer stays for the next request on the connection.
func TestASlowClientGetsItsWholeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.Handler(sup.Inspect(sup.New(large())))
		mux := http.NewServeMux()
		mux.Handle("/debug/sup/", h)
		mux.HandleFunc("/other", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			w.Write(make([]byte, 1<<20))
		})
		client, url, end := serve(t, mux, false)
		defer end()
		for _, target := range []string{"/debug/sup/tree.json", "/other"} {
			response, err := client.Get(url + target)
			if err != nil {
				t.Fatal(err)
			}
			n := int64(0)
			for err == nil {
				var some int64
				some, err = io.CopyN(io.Discard, response.Body, 32<<10)
				n += some
				time.Sleep(time.Second)
			}
			response.Body.Close()
			if err != io.EOF || n < 100<<10 {
				t.Errorf("%s: %d bytes, %v", target, n, err)
			}
		}
	})
}

func TestTheWriteTimeoutOfTheServerApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.Handler(sup.Inspect(sup.New(large())))
		if took := unread(t, h, func(s *http.Server) { s.WriteTimeout = 3 * time.Second }, "tree.json"); took != 3*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestARequestTimesOutIfTheTreeDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.Handler(gated{nil, make(chan struct{}, 10), nil})
		for _, target := range []string{"/tree.json", "/tree.txt", "/record"} {
			began := time.Now()
			w := get(h, target)
			if took := time.Since(began); w.Code != http.StatusGatewayTimeout || took != 30*time.Second {
				t.Errorf("%s: %d after %v: %s", target, w.Code, took, w.Body)
			}
		}
	})
}

func TestAClientThatDoesNotReadAnAnswerOverHTTP2LosesItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := sup.Spec[*bidder]{Name: "auction"}
		for i := range 2000 { // more than a client buffers
			spec.Children = append(spec.Children, sup.ChildSpec[*bidder]{ID: fmt.Sprintf("%d-%s", i, strings.Repeat("x", 4000)), Start: newBidder})
		}
		h := debug.Handler(sup.Inspect(sup.New(spec)))
		ended := make(chan time.Time, 1)
		client, url, end := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			ended <- time.Now()
		}), true)
		defer end()
		began := time.Now()
		response, err := client.Get(url + "/tree.json")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if took := (<-ended).Sub(began); response.Proto != "HTTP/2.0" || took < 10*time.Second || took > time.Minute {
			t.Errorf("over %s it ended after %v", response.Proto, took)
		}
	})
}
