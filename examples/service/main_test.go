package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// get returns the status and the body of an answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func expect(t *testing.T, url string, status int, text string) {
	t.Helper()
	if got, body := get(t, url); got != status || !strings.Contains(body, text) {
		t.Errorf("%s: %d %s; want %d %s", url, got, body, status, text)
	}
}

// The service starts, serves, survives a crash of a customer and of the poller, is seen and
// operated from outside, and shuts down in order.
func TestTheServiceFromItsStartToItsShutdown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var polls atomic.Int32
	polledAgain := make(chan struct{})
	removed := make(chan string, 10)
	watch := sup.ObserverFunc(func(e sup.Event) {
		switch {
		case e.Kind == sup.ChildReady && e.Path == "service/poll" && e.Incarnation == 2:
			close(polledAgain)
		case e.Kind == sup.ChildRemoved:
			removed <- e.Path
		}
	})
	out, lines := io.Pipe()
	control := "unix:" + filepath.Join(t.TempDir(), "control", "control.sock")
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, config{
			http: "localhost:0", control: control, interval: time.Millisecond, idle: time.Hour, out: lines,
			source: func(context.Context) (map[string]float64, error) {
				if polls.Add(1) == 2 {
					return nil, errors.New("market does not answer")
				}
				return map[string]float64{"USD": 1.1}, nil
			},
		}, watch)
		lines.Close()
	}()
	scanner := bufio.NewScanner(out)
	if !scanner.Scan() {
		t.Fatal(<-ended)
	}
	url := scanner.Text()
	scanner.Scan()
	<-polledAgain

	expect(t, url+"/customers/ada/USD", 200, "quote 1 for ada: 1 EUR = 1.1000 USD")
	expect(t, url+"/customers/ada/USD", 200, "quote 2 for ada")
	expect(t, url+"/customers/ada/ZZZ", 503, errEnded.Error())
	if path := <-removed; path != "service/customers/ada" {
		t.Errorf("%s has crashed", path)
	}
	expect(t, url+"/customers/bob/USD", 200, "quote 1 for bob")
	expect(t, url+"/customers/ada/USD", 200, "quote 3 for ada")
	expect(t, url+"/metrics", 200, `sup_failures_total{child="poll",supervisor="service"} 1`)
	expect(t, url+"/debug/sup/tree.txt", 200, "customers")

	client, err := remote.Dial(control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.TerminateChild(ctx, sup.Target{Path: "service/customers/bob"}); err != nil {
		t.Error(err)
	}
	if path := <-removed; path != "service/customers/bob" {
		t.Errorf("%s was removed", path)
	}
	tree, err := client.Snapshot(ctx, "")
	if text := fmt.Sprint(tree); err != nil || !strings.Contains(text, "ada temporary running") || strings.Contains(text, "bob") {
		t.Errorf("%s\n%v", text, err)
	}

	cancel() // as a signal does
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(url); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the shutdown: %v", err)
	}
}

// A customer without requests is forgotten, and starts again with the next request.
func TestACustomerEndsWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(Service)
		s.Rates.Set("USD", 1.1)
		customers := sup.NewKeyed(sup.KeyedSpec[string, *Customer]{
			Restart: sup.Temporary,
			Start: func(ctx context.Context, name string) (*Customer, error) {
				return newCustomer(ctx, s, name, time.Minute), nil
			},
		})
		if err := customers.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			h, err := customers.Ensure(t.Context(), "ada")
			if err != nil {
				t.Fatal(err)
			}
			err = h.Do(t.Context(), func(ctx context.Context, c *Customer) error {
				quote, err := c.Quote(ctx, "USD")
				if want := fmt.Sprintf("quote %d ", n+1); !strings.HasPrefix(quote, want) {
					t.Errorf("%q; want %q", quote, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Minute)
			if customers.Len() != 0 {
				t.Error("the customer is still there")
			}
		}
		if err := customers.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A service that cannot start says why and leaves nothing behind.
func TestAServiceWithoutRatesDoesNotStart(t *testing.T) {
	errMarket := errors.New("market closed")
	err := run(t.Context(), config{
		http: "localhost:0", control: "unix:" + filepath.Join(t.TempDir(), "control", "control.sock"), interval: time.Second, out: io.Discard,
		source: func(context.Context) (map[string]float64, error) { return nil, errMarket },
	})
	if !errors.Is(err, errMarket) || !errors.Is(err, sup.ErrStart) {
		t.Error(err)
	}
}
