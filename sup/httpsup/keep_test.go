package httpsup_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/httpsup"
)

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

// Guarantee 5: Clients that connect all the time are all served, while the server is
// replaced and while it fails.
func TestNoConnectionIsRefusedWhileTheServerRestarts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	errRequested := errors.New("requested by a client")
	s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(ln, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			sup.Go(r.Context(), func(context.Context) error { return errRequested })
		}
		fmt.Fprint(w, sup.Incarnation(r.Context()))
	})})
	url := "http://" + ln.Addr().String()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var clients sync.WaitGroup
	var over atomic.Bool
	var served atomic.Int32
	for range 4 {
		clients.Go(func() {
			for !over.Load() {
				if _, err := get(client, url); err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
			}
		})
	}
	for n := range 20 {
		before := s.Children()[0].Incarnation
		if n%2 == 0 {
			err = sup.Control(s).Replace(context.Background(), sup.Target{Path: "site/http"})
		} else {
			_, err = get(client, url+"/fail")
		}
		if err != nil {
			t.Error(err)
			break
		}
		for incarnation := before; incarnation == before; { // requests are answered by the next one
			text, err := get(client, url)
			if err != nil {
				t.Error(err)
				break
			}
			fmt.Sscan(text, &incarnation)
		}
	}
	over.Store(true)
	clients.Wait()
	if c := s.Children()[0]; c.Incarnation < 21 || c.Failures != 10 || !errors.Is(c.LastExit.Err, errRequested) {
		t.Errorf("%d incarnations, %d failures, %v, %d served", c.Incarnation, c.Failures, c.LastExit, served.Load())
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	// The listener is the caller's, and still open.
	waiting, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	waiting.Close()
}

// Guarantee 4: A listener that fails is a failure of the worker.
func TestAListenerThatFailsIsAFailure(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	exits := make(chan sup.Exit, 1)
	start(t, sup.ChildSpec[*httpsup.Server]{Restart: sup.Temporary, Start: serves(ln, nil)}, observer(func(e sup.Event) {
		if e.Kind == sup.ChildExited {
			exits <- e.Exit
		}
	}))
	ln.Close()
	if exit := <-exits; exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, net.ErrClosed) {
		t.Error(exit)
	}
}
