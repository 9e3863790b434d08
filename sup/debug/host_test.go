package debug_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// endpoints are all endpoints with arguments, and one that does not exist.
var endpoints = []string{
	"", "page.js", "page.css", "tree.json", "tree.txt", "record", "stacks?path=auction/ada", "leaks?path=auction/ada",
	"state", "state?name=c", "watch?name=c", "events", "operate", "nonsense",
}

// After DNS rebinding a page has the origin of the answers.
func TestARequestForAHostThatIsNotAllowedIsDenied(t *testing.T) {
	s := start(t, auction())
	var c kv.Context[string, int]
	srv := open(t, debug.Handler(sup.Inspect(s), debug.Values("c", &c), debug.Operator(sup.Control(s), allowAll)))
	for _, name := range []string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7", "[2001:db8::7]:80"} {
		for _, target := range endpoints {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				a := srv.ask(t, method, target, `{"op":"terminate","path":"auction/ada","incarnation":1}`,
					host(name), with("Content-Type", "application/json"), with("Sec-Fetch-Site", "same-origin"), with("Origin", "http://"+name))
				if a.status != http.StatusForbidden {
					t.Errorf("%s %s of %s: %d %.100s", method, target, name, a.status, a.body)
				}
				if method != http.MethodHead && !strings.Contains(a.body, `not allowed (open the page as localhost, or pass debug.Hosts("`) {
					t.Errorf("%s %s of %s: %s", method, target, name, a.body)
				}
			}
		}
	}
	if info, _ := s.Child("ada").Info(); info.State != sup.StateRunning {
		t.Errorf("the child is %v", info.State)
	}
}

func TestLoopbackNamesAndGivenHostsAreAllowed(t *testing.T) {
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction())), debug.Hosts("Panel.example", "10.0.0.7:80"), debug.Hosts("[2001:db8::7]")))
	for name, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "localhost.": 200, "localhost.:80": 200, "127.0.0.1": 200, "127.0.0.1:1": 200, "[::1]": 200, "[::1]:80": 200,
		"panel.example": 200, "PANEL.EXAMPLE.:443": 200, "10.0.0.7:80": 200, "[2001:db8:0::7]:80": 200,
		"10.0.0.7": 403, "sub.panel.example": 403,
	} {
		if a := srv.ask(t, http.MethodGet, "tree.json", "", host(name)); a.status != want {
			t.Errorf("%s: %d, want %d: %s", name, a.status, want, a.body)
		}
	}
}

// A proxy may know this server by another name.
func TestForwardedHostsAreChecked(t *testing.T) {
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction())), debug.Hosts("panel.example")))
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"X-Forwarded-Host", "panel.example", 200},
		{"X-Forwarded-Host", "panel.example, localhost:80", 200},
		{"X-Forwarded-Host", "evil.example", 403},
		{"X-Forwarded-Host", "evil.example, panel.example", 403},
		{"X-Forwarded-Host", "panel.example,evil.example", 403},
		{"Forwarded", `for=10.0.0.1;host="panel.example:443";proto=https`, 200},
		{"Forwarded", "for=10.0.0.1", 200},
		{"Forwarded", "for=10.0.0.1; Host = evil.example", 403},
		{"Forwarded", `host=panel.example, for=10.0.0.1;host="evil.example"`, 403},
	} {
		if a := srv.ask(t, http.MethodGet, "tree.json", "", with(c.header, c.value)); a.status != c.want {
			t.Errorf("%s: %s: %d, want %d: %s", c.header, c.value, a.status, c.want, a.body)
		}
	}
}

func TestARequestWithoutAHostIsDenied(t *testing.T) {
	srv := open(t, debug.Handler(sup.Inspect(start(t, auction()))))
	text := raw(t, "tcp", strings.TrimPrefix(srv.URL, "http://"), "GET /debug/sup/tree.txt HTTP/1.0\r\n\r\n")
	mustContain(t, text, "403 Forbidden", "missing host (send a Host header, such as localhost)")
}

func TestAUnixSocketIsServedAsLocalhost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: debug.Handler(sup.Inspect(start(t, auction())))}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		server.Close()
		<-served
	}()
	for name, want := range map[string]string{"localhost": "200 OK", "evil.example": "403 Forbidden"} {
		text := raw(t, "unix", path, "GET /tree.txt HTTP/1.1\r\nHost: "+name+"\r\nConnection: close\r\n\r\n")
		mustContain(t, text, want)
	}
}

func TestAnInvalidHostIsAFault(t *testing.T) {
	w := get(debug.Handler(sup.Inspect(start(t, auction())), debug.Hosts("https://panel.example/")), "/tree.json")
	mustContain(t, w.Body.String(), `Hosts: "https://panel.example/" is not a host: use a name such as "panel.example"`)
}

// raw sends bytes, and returns all bytes of the answer.
func raw(t *testing.T, network, address, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	part := make([]byte, 4096)
	for {
		n, err := conn.Read(part)
		text.Write(part[:n])
		if err != nil {
			return text.String()
		}
	}
}
