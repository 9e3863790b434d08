package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/examples/orders/web"
	"github.com/espalier-go/espalier/sup"
)

// start starts a site with a page /path. The channels receive the listener of each server
// and the event that the server is ready.
func start(t *testing.T) (site *web.Site, listeners chan net.Listener, servers chan sup.Event) {
	t.Helper()
	listeners, servers = make(chan net.Listener, 2), make(chan sup.Event, 2)
	handler := http.NewServeMux()
	handler.HandleFunc("GET /path", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	site = web.NewSite(web.SiteFuncs(
		func(context.Context, *web.Site) (*web.Server, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			listeners <- l
			return web.NewServer(l, handler), nil
		},
		func(_ context.Context, site *web.Site) (*web.Probe, error) {
			return &web.Probe{Site: site, Path: "/path"}, nil
		},
	), sup.ObserverFunc(func(e sup.Event) {
		if e.Kind == sup.ChildReady && e.ID == "server" {
			servers <- e
		}
	}))
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return site, listeners, servers
}

func TestAServerThatFailsIsReplaced(t *testing.T) {
	site, listeners, servers := start(t)
	if e := <-servers; e.Incarnation != 1 {
		t.Fatalf("incarnation %d", e.Incarnation)
	}
	(<-listeners).Close()
	if e := <-servers; e.Incarnation != 2 {
		t.Fatalf("incarnation %d", e.Incarnation)
	}
	if page, err := site.Get(t.Context(), "/path"); page != "/path" || err != nil {
		t.Errorf("page %q, error %v", page, err)
	}
}

func TestAMissingPageIsAnError(t *testing.T) {
	site, _, _ := start(t)
	if _, err := site.Get(t.Context(), "/none"); err == nil || !strings.Contains(err.Error(), "GET /none: 404 Not Found") {
		t.Errorf("error %v", err)
	}
}
