package httpsup_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/httpsup"
)

// An answer is the result of a request.
type answer struct {
	body string
	err  error
}

// request sends a request and returns its result.
func request(c *http.Client) <-chan answer {
	result := make(chan answer, 1)
	go func() {
		body, err := get(c, "http://here/")
		result <- answer{body, err}
	}()
	synctest.Wait()
	return result
}

// Guarantee 2: A request in progress is finished, with a context that is not cancelled.
func TestARequestInProgressIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(ln, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(4 * time.Second)
			fmt.Fprint(w, r.Context().Err())
		})})
		result := request(ln.client())
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 4*time.Second || took > 4500*time.Millisecond {
			t.Errorf("the stop took %v", took)
		}
		if a := <-result; a.body != "<nil>" || a.err != nil {
			t.Errorf("%+v", a)
		}
		if exit := lastExit(s); exit.Kind != sup.ExitShutdown {
			t.Error(exit)
		}
	})
}

// Guarantees 2 and 4: At nine tenths of the time, the contexts of requests are cancelled
// and their connections closed. The exit says how many.
func TestARequestThatTakesTooLongIsCutOff(t *testing.T) {
	for _, n := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			ln := listenInMemory()
			s := start(t, sup.ChildSpec[*httpsup.Server]{Shutdown: 20 * time.Second, Start: serves(ln, func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				if cause := context.Cause(r.Context()); !errors.Is(cause, sup.ErrShutdown) {
					t.Error(cause)
				}
				time.Sleep(time.Second) // for cleaning up
			})})
			var results []<-chan answer
			for range n {
				results = append(results, request(ln.client()))
			}
			began := time.Now()
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != 19*time.Second {
				t.Errorf("the stop took %v", took)
			}
			for _, result := range results {
				if a := <-result; a.err == nil {
					t.Errorf("%+v", a)
				}
			}
			want := map[int]string{1: "1 request not finished within 18s", 2: "2 requests not finished within 18s"}[n]
			if exit := lastExit(s); exit.Kind != sup.ExitAbnormal || !contains(exit.Err, want) {
				t.Errorf("%v; want %q", exit, want)
			}
		})
	}
}

// Guarantee 3: A handler that ignores its context makes the child stuck. No other
// incarnation begins before it has returned.
func TestAHandlerThatIgnoresItsContextMakesTheChildStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		release := make(chan struct{})
		s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(ln, func(http.ResponseWriter, *http.Request) { <-release })})
		result := request(ln.client())
		err := sup.Control(s).Replace(t.Context(), sup.Target{Path: "site/http"})
		if !errors.Is(err, sup.ErrStuck) || s.Children()[0].State != sup.StateStuck {
			t.Errorf("%v, %v", err, s.Children()[0].State)
		}
		close(release)
		<-result
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 2 {
			t.Errorf("%+v", c)
		}
	})
}

// A stream ends when the server is asked to stop, and so does not delay it.
func TestAStreamEndsWithStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(ln, func(w http.ResponseWriter, r *http.Request) {
			<-httpsup.Stopping(r.Context())
			fmt.Fprint(w, "bye")
		})})
		result := request(ln.client())
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if a := <-result; a.body != "bye" || a.err != nil {
			t.Errorf("%+v", a)
		}
		if httpsup.Stopping(t.Context()) != nil {
			t.Error("a channel without a server")
		}
	})
}

// A handler that has taken over its connection is waited for too.
func TestAConnectionThatAHandlerHasTakenOverIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		s := start(t, sup.ChildSpec[*httpsup.Server]{Start: serves(ln, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			<-httpsup.Stopping(r.Context())
			time.Sleep(time.Second)
		})})
		result := request(ln.client())
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		<-result
		if exit := lastExit(s); exit.Kind != sup.ExitShutdown {
			t.Error(exit)
		}
	})
}

// A brutal stop gives requests no time, and is no failure.
func TestABrutalStopCutsRequestsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		s := start(t, sup.ChildSpec[*httpsup.Server]{Shutdown: sup.Brutal, Start: serves(ln, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
		result := request(ln.client())
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if a := <-result; a.err == nil {
			t.Errorf("%+v", a)
		}
		if exit := lastExit(s); exit.Kind != sup.ExitShutdown {
			t.Error(exit)
		}
	})
}

// The functions of the http.Server are kept, and a panic in one is a failure of the worker.
func TestTheFunctionsOfTheHTTPServerAreKept(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ln := listenInMemory()
		s := start(t, sup.ChildSpec[*httpsup.Server]{Start: func(ctx context.Context) (*httpsup.Server, error) {
			return httpsup.On(ln, &http.Server{
				BaseContext: func(net.Listener) context.Context {
					if sup.Incarnation(ctx) == 1 {
						panic("no context")
					}
					return context.WithValue(context.Background(), key{}, "value")
				},
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprintln(w, r.Context().Value(key{}), httpsup.Stopping(r.Context()) != nil)
				}),
			}), nil
		}})
		synctest.Wait()
		if exit := lastExit(s); !errors.Is(exit.Err, sup.ErrPanic) {
			t.Error(exit)
		}
		if a := <-request(ln.client()); a.body != "value true\n" || a.err != nil {
			t.Errorf("%+v", a)
		}
	})
}
