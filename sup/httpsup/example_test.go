package httpsup_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/httpsup"
)

// newSite makes a server for each incarnation.
func newSite(ctx context.Context) (*httpsup.Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s", sup.Path(r.Context()))
	})
	return httpsup.New(&http.Server{Addr: "localhost:0", Handler: mux}), nil
}

func answerOf(addr net.Addr) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + addr.String() + "/hello")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	return string(body)
}

func Example() {
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[sup.Worker]{
		Name: "shop",
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "http", Start: sup.Adapt(newSite), Shutdown: 20 * time.Second},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	site, _ := sup.As[*httpsup.Server](s.Child("http")).Get()
	fmt.Println(answerOf(site.Addr()))
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// hello from shop/http
	// <nil>
}

func ExampleNew() {
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[*httpsup.Server]{
		Name:     "shop",
		Children: []sup.ChildSpec[*httpsup.Server]{{ID: "http", Start: newSite}},
	})
	if err != nil {
		log.Fatal(err)
	}
	site, _ := s.Child("http").Get()
	fmt.Println(site.Addr().(*net.TCPAddr).Port > 0)
	fmt.Println(s.Shutdown(ctx), s.Children()[0].LastExit.Kind)
	// Output:
	// true
	// <nil> shutdown
}

// A listener that is opened outside of the tree stays open while the server restarts.
func ExampleOn() {
	ctx := context.Background()
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	s, err := sup.Start(ctx, sup.Spec[*httpsup.Server]{Name: "shop", Children: []sup.ChildSpec[*httpsup.Server]{
		{ID: "http", Start: func(ctx context.Context) (*httpsup.Server, error) {
			return httpsup.On(ln, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, "incarnation ", sup.Incarnation(ctx))
			})}), nil
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answerOf(ln.Addr()))
	if err := sup.Control(s).Replace(ctx, sup.Target{Path: "shop/http"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answerOf(ln.Addr()))
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// incarnation 1
	// incarnation 2
	// <nil>
}

// A stream of server-sent events ends when the server is asked to stop, and delays the
// stop no longer than that.
func ExampleStopping() {
	clock := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprint(w, "data: tick\n\n")
				http.NewResponseController(w).Flush()
			case <-httpsup.Stopping(r.Context()):
				fmt.Fprint(w, "data: the end\n\n")
				return
			case <-r.Context().Done(): // the client has gone
				return
			}
		}
	}
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[*httpsup.Server]{Name: "clock", Children: []sup.ChildSpec[*httpsup.Server]{
		{ID: "http", Start: func(context.Context) (*httpsup.Server, error) {
			return httpsup.New(&http.Server{Addr: "localhost:0", Handler: http.HandlerFunc(clock)}), nil
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	site, _ := s.Child("http").Get()
	stream, err := http.Get("http://" + site.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Body.Close()
	fmt.Println(s.Shutdown(ctx))
	body, err := io.ReadAll(stream.Body)
	fmt.Println(strings.HasSuffix(string(body), "data: the end\n\n"), err)
	// Output:
	// <nil>
	// true <nil>
}
