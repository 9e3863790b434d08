package debug_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/google/go-cmp/cmp"
)

// post sends a call like the page.
func post(h http.Handler, order string, change ...func(r *http.Request)) *httptest.ResponseRecorder {
	r := request(http.MethodPost, "/debug/sup/operate", strings.NewReader(order))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func allowAll(*http.Request) error { return nil }

func with(name, value string) func(r *http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestACallIsDeniedUnlessItComesFromThePage(t *testing.T) {
	s := start(t, auction())
	var called atomic.Int32
	h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), func(r *http.Request) error {
		called.Add(1)
		if r.Header.Get("X-Role") != "operator" {
			return errors.New("only operators")
		}
		return nil
	}))
	const order = `{"op":"terminate","path":"auction/ada","incarnation":1}`
	for name, c := range map[string]struct {
		change []func(r *http.Request)
		status int
		text   string
		asked  int32
	}{
		"another site":            {[]func(r *http.Request){with("Sec-Fetch-Site", "cross-site")}, 403, "request not sent by the page itself", 0},
		"another origin":          {[]func(r *http.Request){with("Sec-Fetch-Site", ""), with("Origin", "https://elsewhere.example")}, 403, "request not sent by the page itself", 0},
		"a subdomain":             {[]func(r *http.Request){with("Sec-Fetch-Site", "same-site")}, 403, "request not sent by the page itself", 0},
		"a GET":                   {[]func(r *http.Request){func(r *http.Request) { r.Method = http.MethodGet }}, 405, "(use POST)", 0},
		"a user without the role": {nil, 403, "only operators", 1},
		"what a form can send":    {[]func(r *http.Request){with("X-Role", "operator"), with("Content-Type", "text/plain")}, 415, "application/json", 1},
		"without a content type":  {[]func(r *http.Request){with("X-Role", "operator"), with("Content-Type", "")}, 415, "application/json", 1},
	} {
		called.Store(0)
		w := post(h, order, c.change...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if n := called.Load(); n != c.asked {
			t.Errorf("%s: authorize is called %d times", name, n)
		}
	}
	if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning {
		t.Errorf("state %v", info.State)
	}
	if w := post(h, order, with("X-Role", "operator")); w.Code != http.StatusOK {
		t.Errorf("from the page: %d %s", w.Code, w.Body)
	}
}

func TestAnInvalidCallIsAnsweredWithAllItsFaults(t *testing.T) {
	s := start(t, auction())
	h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))
	for order, want := range map[string]struct {
		status int
		text   []string
	}{
		`{}`: {400, []string{`op "" (use restart, terminate or shutdown)`, "empty path", "missing incarnation"}},
		`{"op":"explode","path":"auction/ada","incarnation":-1}`: {400, []string{`op "explode"`, "incarnation -1"}},
		`nonsense`: {400, []string{"unreadable request"}},
		`{"op":"terminate","path":"auction/ada","incarnation":1,"force":true}`:            {400, []string{`unknown field "force"`}},
		`{"op":"terminate","path":"` + strings.Repeat("x", 70_000) + `","incarnation":1}`: {400, []string{"too large"}},
		`{"op":"terminate","path":"auction/eve","incarnation":1}`:                         {404, []string{"not found"}},
		`{"op":"terminate","path":"auction/ada","incarnation":2}`:                         {409, []string{"not the current incarnation"}},
		`{"op":"shutdown","path":"auction/ada","incarnation":1}`:                          {400, []string{"not a supervisor"}},
	} {
		w := post(h, order)
		if w.Code != want.status {
			t.Errorf("%.60s: %d", order, w.Code)
		}
		mustContain(t, w.Body.String(), want.text...)
	}
}

func TestARestartStopsARunningChildAndStartsItAgain(t *testing.T) {
	s := start(t, sup.Spec[*bidder]{Name: "auction", Children: []sup.ChildSpec[*bidder]{
		{ID: "ada", Start: newBidder},
		{ID: "guest", Start: newBidder, Restart: sup.Temporary},
	}})
	h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))
	ada := func(op string, n string) *httptest.ResponseRecorder {
		return post(h, `{"op":"`+op+`","path":"auction/ada","incarnation":`+n+`}`)
	}
	var codes []int
	for _, order := range [][2]string{
		{"restart", "1"}, // stops and starts it
		{"restart", "1"}, // another incarnation
		{"terminate", "2"},
		{"restart", "2"}, // started
		{"restart", "3"},
		{"restart", "0"}, // any incarnation
	} {
		codes = append(codes, ada(order[0], order[1]).Code)
	}
	if d := cmp.Diff([]int{200, 409, 200, 200, 200, 200}, codes); d != "" {
		t.Error(d)
	}
	if info, _ := s.Child("ada").Info(); info.Incarnation != 5 || info.State != sup.StateRunning || info.Restarts != 0 {
		t.Errorf("%v, incarnation %d, restarts %d", info.State, info.Incarnation, info.Restarts)
	}
	w := post(h, `{"op":"restart","path":"auction/guest","incarnation":1}`)
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "temporary") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if info, _ := s.Child("guest").Info(); info.State != sup.StateRunning {
		t.Errorf("temporary child: state %v", info.State)
	}
}

func TestAShutdownEndsTheTree(t *testing.T) {
	s := start(t, auction())
	h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))
	if w := post(h, `{"op":"shutdown","path":"auction","incarnation":0}`); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	select {
	case <-s.Done():
	default:
		t.Error("not ended")
	}
	if w := post(h, `{"op":"restart","path":"auction/ada","incarnation":1}`); w.Code != http.StatusConflict {
		t.Errorf("after the end: %d %s", w.Code, w.Body)
	}
}

// A dawdler takes ten seconds to stop.
type dawdler struct{}

func (dawdler) Run(ctx context.Context) error {
	<-ctx.Done()
	time.Sleep(10 * time.Second)
	return ctx.Err()
}

func TestACallIsWaitedForThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sup.Start(t.Context(), sup.Spec[dawdler]{Name: "hall", Children: []sup.ChildSpec[dawdler]{
			{ID: "slow", Shutdown: time.Minute, Start: func(context.Context) (dawdler, error) { return dawdler{}, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Shutdown(context.Background())
		h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))
		for _, order := range []string{
			`{"op":"terminate","path":"hall/slow","incarnation":1}`,
			`{"op":"shutdown","path":"hall","incarnation":0}`,
		} {
			w := post(h, order)
			if w.Code != http.StatusAccepted {
				t.Errorf("%d", w.Code)
			}
			mustContain(t, w.Body.String(), "still in progress after 3s")
		}
		<-s.Done()
	})
}

func TestAClosedPageDoesNotCancelARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		h := debug.Handler(sup.Inspect(s), debug.Operator(sup.Control(s), allowAll))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w := post(h, `{"op":"restart","path":"auction/ada","incarnation":1}`, func(r *http.Request) { *r = *r.WithContext(gone) })
		if w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning || info.Incarnation != 2 {
			t.Errorf("%v, incarnation %d", info.State, info.Incarnation)
		}
	})
}

// A web is a worker that serves a page.
type web struct {
	listener net.Listener
	page     http.Handler
}

// Run implements [sup.Worker].
func (w *web) Run(ctx context.Context) error {
	srv := &http.Server{Handler: w.page}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(w.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return srv.Shutdown(context.WithoutCancel(ctx))
	}
}

// The server waits for the answer before it stops, and the answer does not wait for the
// server.
func TestAPageRestartsItsOwnServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listening := make(chan *wire, 1)
		tree := sup.New(sup.Spec[*web]{Name: "auction", Children: []sup.ChildSpec[*web]{
			{ID: "web", Start: func(ctx context.Context) (*web, error) {
				w, tree := newWire(), sup.Root(ctx)
				listening <- w
				return &web{w, mounted(debug.Handler(sup.Inspect(tree), debug.Operator(sup.Control(tree), allowAll)))}, nil
			}},
		}})
		if err := tree.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer tree.Shutdown(context.Background())
		connect := func() (srv site, end func()) {
			client := &http.Client{Transport: &http.Transport{DialContext: (<-listening).dial}}
			return site{"http://localhost", client}, client.CloseIdleConnections
		}
		srv, end := connect()
		a := srv.ask(t, http.MethodPost, "operate", `{"op":"restart","path":"auction/web","incarnation":1}`, with("Content-Type", "application/json"))
		end()
		if a.status != http.StatusAccepted {
			t.Errorf("%d %s", a.status, a.body)
		}
		srv, end = connect()
		defer end()
		mustContain(t, srv.ask(t, http.MethodGet, "tree.txt", "").body, "web permanent running")
		if info, _ := tree.Child("web").Info(); info.Incarnation != 2 || info.Restarts != 0 {
			t.Errorf("incarnation %d, restarts %d", info.Incarnation, info.Restarts)
		}
	})
}
