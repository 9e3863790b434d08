package remote_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// post sends a JSON body and returns the response.
func post(t *testing.T, w *wire, method, body string) (status int, answer struct{ Code, Message string }) {
	t.Helper()
	c, err := w.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request(method, plain+"Connection: close\r\n", body)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, answer
}

// A typing error in a request by curl must not shut down the tree, and the error lists
// the valid fields.
func TestARequestWithAnUnknownFieldIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		before := lastEvent(t, s)
		const theTarget = "the fields are target {path, incarnation, wait}"
		for _, c := range []struct {
			method, body string
			says         []string
		}{
			{"Shutdown", `{"path":"shop/feeds"}`, []string{`unknown field "path"`, theTarget + ", whole"}},
			{"Shutdown", `{"target":{"pth":"shop/feeds"}}`, []string{`unknown field "pth"`, theTarget}},
			{"TerminateChild", `{"traget":{"path":"shop/feeds"}}`, []string{`unknown field "traget"`, theTarget}},
			{"RestartChild", `{"target":{"path":7}}`, []string{theTarget}},
			{"Status", `{"pth":1}`, []string{`unknown field "pth"`, "the fields are path"}},
			{"StartChild", `{"path":"shop/feeds","ke":"IBM"}`, []string{`unknown field "ke"`, "the fields are path, key, rawKey, wait"}},
			{"Shutdown", `{}`, []string{`{"target": {"path": "shop"}} or {"whole": true}`}},
			{"Shutdown", `{"target":{"path":""}}`, []string{`{"target": {"path": "shop"}} or {"whole": true}`}},
			{"Shutdown", `{"target":{"path":"shop/feeds"},"whole":true}`, []string{`send one of them`}},
		} {
			status, answer := post(t, w, c.method, c.body)
			if status != http.StatusBadRequest || answer.Code != "invalid_argument" {
				t.Errorf("%s %s: status %d, %+v", c.method, c.body, status, answer)
			}
			for _, part := range c.says {
				if !strings.Contains(answer.Message, part) {
					t.Errorf("%s %s: no %q in %q", c.method, c.body, part, answer.Message)
				}
			}
		}
		if after := lastEvent(t, s); after != before {
			t.Error("the tree was changed")
		}
	})
}

func TestTheWholeTreeIsShutDownOnExplicitRequest(t *testing.T) {
	for name, shutdown := range map[string]func(t *testing.T, w *wire) error{
		"by its name": func(t *testing.T, w *wire) error {
			_, _ = post(t, w, "Shutdown", `{"target":{"path":"shop"}}`)
			return nil
		},
		"as a whole": func(t *testing.T, w *wire) error { _, _ = post(t, w, "Shutdown", `{"whole":true}`); return nil },
		"by a client, without a path": func(t *testing.T, w *wire) error {
			c := dial(t, w, remote.Dialer{})
			defer c.Close()
			return c.Shutdown(t.Context(), sup.Target{})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := startShop(t)
			close(s.hold)
			w := newWire()
			var log logbook
			defer serve(t, sup.Control(s), w, func(c *remote.Config) { c.Logger = log.logger() })()
			if err := shutdown(t, w); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			select {
			case <-s.Done():
			default:
				t.Errorf("%s: the tree is still running", name)
			}
			if line := "op=Shutdown client=\"anyone at pipe\" role=operator path=shop "; !strings.Contains(log.String(), line) {
				t.Errorf("%s: no %s in the log:\n%s", name, line, &log)
			}
		})
	}
}

func TestTheLogHasFullPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		defer serve(t, sup.Control(s), w, func(c *remote.Config) { c.Logger = log.logger() })()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		if _, err := c.StartChild(t.Context(), "shop/feeds", "a/b\n\xff"); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "path=shop/feeds/a%2Fb%0A%FF ") {
			t.Errorf("log:\n%s", &log)
		}
	})
}

// curl prints responses to a terminal.
func TestJSONResponsesAreSafeForTerminals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hostile = "\x1b[2J\x7f\u009b31m\u202e\u2066"
		s := startShop(t)
		defer s.end(t)
		s.db.fail <- errors.New(hostile)
		synctest.Wait()
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		if _, err := s.feeds.StartChild(t.Context(), hostile); err != nil {
			t.Fatal(err)
		}
		for _, c := range [][2]string{
			{"Snapshot", `{}`},
			{"Child", `{"path":"shop/db"}`},
			{"Children", `{"path":"shop/feeds"}`},
			{"Status", `{"path":"shop/feeds/` + "\u202e" + `"}`},
			{"StartChild", `{"path":"shop/feeds","key":"` + "\u202e\u009b" + `"}`},
			{"StartChild", `{"path":"shop/feeds","key":"` + "\u202e\u009b" + `2"}`}, // there is no room
		} {
			conn, err := w.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go io.WriteString(conn, request(c[0], plain+"Connection: close\r\n", c[1]))
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(answer), "\r\n", "\n")
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s %s: %q in\n%q", c[0], c[1], text[i], text)
			}
		}
	})
}
