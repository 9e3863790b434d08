package debug_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/httpsup"
)

// body returns the status and the body of a response.
func body(response *http.Response, err error) string {
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("%d\n%s", response.StatusCode, b)
}

// The page is at /debug/sup/, and the tree as text at /debug/sup/tree.txt.
func Example() {
	tree, err := sup.Start(context.Background(), auction())
	if err != nil {
		log.Fatal(err)
	}
	defer tree.Shutdown(context.Background())
	mux := http.NewServeMux()
	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(tree)))

	srv := httptest.NewServer(mux) // or http.ListenAndServe("localhost:6060", mux)
	defer srv.Close()
	fmt.Println(body(http.Get(srv.URL + "/debug/sup/tree.txt")))
	// Output:
	// 200
	// auction one_for_one 3/5s
	// ├── ada permanent running
	// └── bob permanent running
}

func ExampleHandler() {
	tree, err := sup.Start(context.Background(), auction())
	if err != nil {
		log.Fatal(err)
	}
	defer tree.Shutdown(context.Background())
	srv := httptest.NewServer(debug.Handler(sup.Inspect(tree)))
	defer srv.Close()
	page := body(http.Get(srv.URL))
	fmt.Println(strings.Contains(page, `role="tree"`))
	fmt.Println(body(http.Get(srv.URL + "/stacks?path=auction/eve")))
	// Output:
	// true
	// 404
	// auction/eve: query: not found
}

// A proxy that authenticates users can send their role in a header.
func ExampleOperator() {
	tree, err := sup.Start(context.Background(), auction())
	if err != nil {
		log.Fatal(err)
	}
	defer tree.Shutdown(context.Background())
	mayOperate := func(r *http.Request) error {
		if r.Header.Get("X-Role") != "operator" {
			return fmt.Errorf("operators only")
		}
		return nil
	}
	srv := httptest.NewServer(debug.Handler(sup.Inspect(tree), debug.Operator(sup.Control(tree), mayOperate)))
	defer srv.Close()

	order := func(role string) {
		r, err := http.NewRequest(http.MethodPost, srv.URL+"/operate", strings.NewReader(`{"op":"restart","path":"auction/ada","incarnation":1}`))
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Role", role)
		fmt.Print(body(http.DefaultClient.Do(r)))
	}
	order("guest")
	order("operator")
	order("operator") // the page still shows the first incarnation
	// Output:
	// 403
	// operators only
	// 200
	// {"done":true}
	// 409
	// auction/ada: replace: not the current incarnation
}

// The page is opened as https://panel.example/debug/sup/ through a proxy.
func ExampleHosts() {
	srv := httptest.NewServer(debug.Handler(sup.Inspect(sup.New(auction())), debug.Hosts("panel.example")))
	defer srv.Close()
	for _, host := range []string{"panel.example", "evil.example"} {
		r, err := http.NewRequest(http.MethodGet, srv.URL+"/tree.txt", nil)
		if err != nil {
			log.Fatal(err)
		}
		r.Host = host
		text, _, _ := strings.Cut(body(http.DefaultClient.Do(r)), "\n├")
		fmt.Println(text)
	}
	// Output:
	// 200
	// auction one_for_one 3/5s, not running
	// 403
	// host "evil.example" not allowed (open the page as localhost, or pass debug.Hosts("evil.example") to the handler)
}

func ExampleLogger() {
	h := debug.Handler(sup.Inspect(sup.New(auction())), debug.Logger(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "client" { // so that the output is constant
				return slog.Attr{}
			}
			return a
		},
	}))))
	srv := httptest.NewServer(h)
	defer srv.Close()
	r, err := http.NewRequest(http.MethodGet, srv.URL+"/record", nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	body(http.DefaultClient.Do(r))
	// Output: level=WARN msg="client rejected" reason=origin method=GET endpoint=record err="request or link from a page of another site"
}

// Keys does not show values.
func ExampleKeys() {
	var sessions kv.Context[string, string]
	sessions.Set("ada", "secret")
	h := debug.Handler(sup.Inspect(sup.New(auction())), debug.Keys("sessions", &sessions))
	fmt.Print(get(h, "/state?name=sessions").Body)
	// Output:
	// {"name":"sessions","len":1,"values":false,"keys":[{"key":"ada","size":22}]}
}

func ExampleValues() {
	var bids kv.Context[int, []int]
	bids.Set(10, []int{3, 4})
	bids.Set(9, []int{5})
	h := debug.Handler(sup.Inspect(sup.New(auction())), debug.Values("bids", &bids))
	fmt.Print(get(h, "/state?name=bids").Body)
	// Output:
	// {"name":"bids","len":2,"values":true,"keys":[{"key":"9","size":32,"value":"[5]"},{"key":"10","size":40,"value":"[3,4]"}]}
}

// A child can serve the page of its own tree.
func Example_within() {
	tree, err := sup.Start(context.Background(), sup.Spec[*httpsup.Server]{Name: "auction", Children: []sup.ChildSpec[*httpsup.Server]{
		{ID: "web", Start: func(ctx context.Context) (*httpsup.Server, error) {
			page := debug.Handler(sup.Inspect(sup.Root(ctx)))
			return httpsup.New(&http.Server{Addr: "localhost:0", Handler: page}), nil
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	web, _ := tree.Child("web").Get()
	url := "http://" + web.Addr().String()
	stream, err := http.Get(url + "/events")
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Body.Close()
	fmt.Println(body(http.Get(url + "/tree.txt")))
	fmt.Println(tree.Shutdown(context.Background()), tree.Children()[0].LastExit.Kind)
	// Output:
	// 200
	// auction one_for_one 3/5s
	// └── web permanent running
	//
	// <nil> shutdown
}
