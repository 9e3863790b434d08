package debug_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// behind serves a handler behind a reverse proxy, which keeps the host of a request
// or replaces it by the address of the handler.
func behind(t *testing.T, h http.Handler, keepHost bool) site {
	t.Helper()
	upstream, err := url.Parse(open(t, h).URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.SetXForwarded()
		if keepHost {
			r.Out.Host = r.In.Host
		}
	}})
	t.Cleanup(proxy.Close)
	return site{proxy.URL, proxy.Client()}
}

func TestThePageWorksBehindAProxy(t *testing.T) {
	for name, keepHost := range map[string]bool{"which keeps the host": true, "which has a host of its own": false} {
		t.Run(name, func(t *testing.T) {
			s := start(t, auction())
			srv := behind(t, debug.Handler(sup.Inspect(s), debug.Hosts("panel.example"), debug.Operator(sup.Control(s), allowAll)), keepHost)
			panel := host("panel.example")
			for _, target := range []string{"", "page.js", "tree.json", "record"} {
				if a := srv.ask(t, http.MethodGet, target, "", panel); a.status != http.StatusOK {
					t.Errorf("%q: %d %s", target, a.status, a.body)
				}
			}
			stream := srv.begin(t, t.Context(), http.MethodGet, "events", "", panel, with("Sec-Fetch-Site", "same-origin"))
			first := make([]byte, 10)
			if _, err := stream.Body.Read(first); err != nil || stream.StatusCode != http.StatusOK || !strings.HasPrefix(string(first), "retry") {
				t.Errorf("events: %s, %q, %v", stream.Status, first, err)
			}
			stream.Body.Close()
			json := with("Content-Type", "application/json")
			for _, origin := range []string{"http://evil.example", "http://localhost", "null", "http://sub.panel.example"} {
				if a := srv.ask(t, http.MethodPost, "operate", terminateAda, panel, json, with("Origin", origin)); a.status != http.StatusForbidden {
					t.Errorf("a call from %s: %d %s", origin, a.status, a.body)
				}
			}
			if a := srv.ask(t, http.MethodPost, "operate", terminateAda, panel, json, with("Origin", "http://panel.example"), with("Sec-Fetch-Site", "cross-site")); a.status != http.StatusForbidden {
				t.Errorf("a call from another site: %d %s", a.status, a.body)
			}
			// Browsers send no Sec-Fetch-Site over plain HTTP.
			mustBeMade(t, srv.ask(t, http.MethodPost, "operate", terminateAda, panel, json, with("Origin", "http://panel.example")))
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				for _, target := range endpoints {
					a := srv.ask(t, method, target, terminateAda, host("evil.example"), json, with("Origin", "http://evil.example"))
					if a.status != http.StatusForbidden {
						t.Errorf("%s %s of evil.example: %d", method, target, a.status)
					}
				}
			}
		})
	}
}
