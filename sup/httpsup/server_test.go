package httpsup_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/httpsup"
)

// Guarantee 1: The worker is ready when it listens, and its address has the real port.
func TestAServerIsReadyWhenItListens(t *testing.T) {
	s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(nil, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sup.Path(r.Context()))
	})})
	web, _ := s.Child("http").Get()
	if got, err := get(new(http.Client), "http://"+web.Addr().String()); err != nil || got != "site/http" {
		t.Errorf("%q, %v", got, err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// Guarantee 1: A server that cannot start says why, and what to write instead.
func TestAServerThatCannotListenDoesNotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, tt := range map[string]struct {
		server *httpsup.Server
		is     error
		text   string
	}{
		"an address in use":           {httpsup.New(&http.Server{Addr: taken.Addr().String()}), syscall.EADDRINUSE, ""},
		"a listener that is closed":   {httpsup.On(closed, &http.Server{}), net.ErrClosed, ""},
		"a listener without deadline": {httpsup.On(tls.NewListener(taken, nil), &http.Server{}), nil, "listener of type *tls.listener without SetDeadline"},
		"no server":                   {httpsup.New(nil), nil, "nil http.Server"},
		"TLS without a certificate":   {httpsup.New(&http.Server{TLSConfig: &tls.Config{}}), nil, "TLSConfig without a certificate (set Certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sup.Start(context.Background(), sup.Spec[*httpsup.Server]{Name: "site", Children: []sup.ChildSpec[*httpsup.Server]{
				{ID: "http", Start: func(context.Context) (*httpsup.Server, error) { return tt.server, nil }},
			}})
			if !errors.Is(err, sup.ErrStart) || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
		})
	}
}

// Guarantee 4: A stop without trouble leaves no warning and no failure.
func TestAServerStopsQuietly(t *testing.T) {
	var out bytes.Buffer
	s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(nil, nil)},
		sup.Log(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	web, _ := s.Child("http").Get()
	addr := web.Addr().String()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if info := s.Children()[0]; info.LastExit.Kind != sup.ExitShutdown || info.Failures > 0 || out.Len() > 0 {
		t.Errorf("exit %v, %d failures, log:\n%s", info.LastExit, info.Failures, out.String())
	}
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a connection after the end: %v", err)
	}
}

// A server with certificates serves TLS and HTTP/2.
func TestAServerWithCertificatesServesTLS(t *testing.T) {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	s := start(t, sup.ChildSpec[*httpsup.Server]{Start: func(context.Context) (*httpsup.Server, error) {
		return httpsup.New(&http.Server{
			Addr:      "127.0.0.1:0",
			Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }),
			TLSConfig: &tls.Config{Certificates: certificates.TLS.Certificates},
		}), nil
	}})
	web, _ := s.Child("http").Get()
	client := certificates.Client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	defer client.CloseIdleConnections()
	if got, err := get(client, "https://"+web.Addr().String()); err != nil || got != "HTTP/2.0" {
		t.Errorf("%q, %v", got, err)
	}
}

// An http.Server serves once. The error of a second time says what to write.
func TestAnHTTPServerThatServesAgainIsAFailedStart(t *testing.T) {
	srv := &http.Server{Addr: "127.0.0.1:0"}
	s := start(t, sup.ChildSpec[*httpsup.Server]{Start: func(context.Context) (*httpsup.Server, error) { return httpsup.New(srv), nil }})
	err := sup.Control(s).Replace(context.Background(), sup.Target{Path: "site/http"})
	if !errors.Is(err, sup.ErrStart) || !contains(err, "make a new one in the start function") {
		t.Error(err)
	}
}

// A shutdown of the http.Server by other code is a failure of the worker.
func TestAShutdownByOtherCodeIsAFailure(t *testing.T) {
	srv := &http.Server{Addr: "127.0.0.1:0"}
	exits := make(chan sup.Exit, 1)
	start(t, sup.ChildSpec[*httpsup.Server]{
		Restart: sup.Temporary, Start: func(context.Context) (*httpsup.Server, error) { return httpsup.New(srv), nil },
	}, observer(func(e sup.Event) {
		if e.Kind == sup.ChildExited {
			exits <- e.Exit
		}
	}))
	srv.Close()
	if exit := <-exits; exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, http.ErrServerClosed) {
		t.Error(exit)
	}
}

type observer func(e sup.Event)

func (o observer) Observe(e sup.Event) { o(e) }

// A worker that no supervisor has initialized says so.
func TestRunWithoutInitializeIsAnError(t *testing.T) {
	web := httpsup.New(&http.Server{})
	if err := web.Run(t.Context()); err == nil || web.Addr() != nil {
		t.Errorf("%v, address %v", err, web.Addr())
	}
	if err := web.Terminate(t.Context(), sup.Exit{}); err != nil {
		t.Error(err)
	}
}
