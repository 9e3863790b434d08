package debug_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTheHandlerWorksUnderAnyPrefix(t *testing.T) {
	h := debug.Handler(sup.Inspect(start(t, auction())))
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/debug/sup/", h)
	mux.Handle("/stripped/", http.StripPrefix("/stripped/", h))
	mux.Handle("/bare", http.StripPrefix("/bare", h))
	mux.Handle("/bare/", http.StripPrefix("/bare", h))
	for _, prefix := range []string{"/", "/debug/sup/", "/stripped/", "/bare/"} {
		for file, kind := range map[string]string{
			"": "text/html", "page.js": "text/javascript", "model.js": "text/javascript", "page.css": "text/css",
			"tree.json": "application/json", "tree.txt": "text/plain", "state": "application/json",
		} {
			w := get(mux, prefix+file)
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
				t.Errorf("%s%s: %d %s", prefix, file, w.Code, w.Header().Get("Content-Type"))
			}
		}
	}
	for _, without := range []string{"/debug/sup", "/stripped", "/bare"} {
		w := get(mux, without)
		to := w.Header().Get("Location")
		if w.Code/100 != 3 || !strings.HasSuffix(to, without[1:]+"/") && !strings.HasSuffix(to, "sup/") {
			t.Errorf("%s: %d to %q", without, w.Code, to)
		}
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	h := debug.Handler(sup.Inspect(sup.New(auction())))
	for _, file := range []string{"", "page.js", "page.css", "tree.json", "nothing"} {
		header := get(h, "/"+file).Header()
		mustContain(t, header.Get("Content-Security-Policy"), "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
		if p := header.Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || strings.Contains(p, "http") {
			t.Errorf("%q: too permissive policy: %s", file, p)
		}
		if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%q: X-Content-Type-Options is %q", file, got)
		}
	}
	page := strings.ReplaceAll(get(h, "/").Body.String(), `<a href="https://pkg.go.dev/`, "") // loaded by a click only
	for _, inline := range []string{"<script>", "style=", "onclick", "src=\"http", "href=\"http"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %q", inline)
		}
	}
}

func TestAnUnchangedPageIsNotSentAgain(t *testing.T) {
	h := debug.Handler(sup.Inspect(sup.New(auction())))
	tag := get(h, "/page.js").Header().Get("ETag")
	r := request(http.MethodGet, "/page.js", nil)
	r.Header.Set("If-None-Match", tag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if tag == "" || w.Code != http.StatusNotModified {
		t.Errorf("tag %q: %d", tag, w.Code)
	}
}

func TestTheTreeIsServedAsJSONAndAsText(t *testing.T) {
	s := start(t, auction())
	crash(t, s, "ada")
	h := debug.Handler(sup.Inspect(s))
	var tree sup.SupervisorInfo
	if err := json.Unmarshal(get(h, "/tree.json").Body.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	same := cmp.Options{cmpopts.IgnoreFields(sup.SupervisorInfo{}, "Uptime"), cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })}
	if d := cmp.Diff(s.Snapshot(), tree, same); d != "" {
		t.Error(d)
	}
	mustContain(t, get(h, "/tree.txt").Body.String(), "auction one_for_one 3/5s\n", "├── ada permanent running, restarts 1, last exit abnormal: broke\n")
}

func TestErrorsNameWhatIsMissing(t *testing.T) {
	h := debug.Handler(sup.Inspect(start(t, auction())))
	for target, want := range map[string]struct {
		status int
		text   string
	}{
		"/nothing":                    {404, `no such endpoint: "nothing"`},
		"/tree.json?path=auction/eve": {404, "auction/eve: query: not found"},
		"/tree.txt?path=auction/ada":  {400, "not a supervisor"},
		"/stacks?path=auction/eve":    {404, "not found"},
		"/stacks":                     {404, "path of the supervisor itself"},
		"/state?name=prices":          {404, `no such context: "prices"`},
		"/watch?name=":                {404, `no such context: ""`},
		"/index.html":                 {404, `no such endpoint: "index.html"`},
		"/..":                         {404, "no such endpoint"},
		"/operate":                    {404, `no such endpoint: "operate"`},
	} {
		w := get(h, target)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(http.MethodPost, "/tree.json", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("a POST: %d, Allow: %s", w.Code, w.Header().Get("Allow"))
	}
}

func TestAllFaultsOfTheOptionsAreReportedAtOnce(t *testing.T) {
	var none *kv.Context[string, int]
	h := debug.Handler(nil, nil, debug.Operator(nil, nil), debug.Keys("", none), debug.Values("", none))
	w := get(h, "/")
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d", w.Code)
	}
	mustContain(t, w.Body.String(),
		"Handler: nil inspector", "Handler: option 1 is nil",
		"Operator: nil controller", "Operator: nil authorize",
		"Keys: empty name", `Values(""): nil context`, `Values(""): name already taken`)
}

func TestStacksAreLimitedToTheGoroutinesOfAChild(t *testing.T) {
	h := debug.Handler(sup.Inspect(start(t, auction())))
	mustContain(t, get(h, "/stacks?path=auction/ada").Body.String(), "debug_test.(*bidder).Run")
}

// rude is an error with a method that panics.
type rude struct{}

func (rude) Error() string { panic("no words") }

func TestAPanicInAnErrorMethodIsSurvived(t *testing.T) {
	s := start(t, auction())
	b, err := s.Child("ada").Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := lastEvent(t, s)
	b.fail <- rude{}
	for e := range sup.Inspect(s).Events(t.Context(), "", before) {
		if e.Kind == sup.ChildReady {
			break
		}
	}
	h := debug.Handler(sup.Inspect(s))
	for _, file := range []string{"/tree.json", "/tree.txt"} {
		w := get(h, file)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", file, w.Code)
		}
		mustContain(t, w.Body.String(), "no words")
	}
}
