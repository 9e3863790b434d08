package kv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/espalier-go/espalier/kv"
)

// A restarted worker finds the state that its predecessor left.
func Example() {
	var done kv.Context[string, bool] // outlives the workers

	worker := func(files ...string) (err error) {
		defer func() { err, _ = recover().(error) }()
		for _, file := range files {
			if done.Has(file) {
				continue
			}
			fmt.Println("work on", file)
			done.Set(file, true)
			if file == "b" {
				panic(errors.New("crashed"))
			}
		}
		return nil
	}
	for worker("a", "b", "c") != nil {
		fmt.Println("restart")
	}
	// Output:
	// work on a
	// work on b
	// restart
	// work on c
}

func ExampleContext() {
	type Quote struct{ Bid, Ask int }
	var quotes kv.Context[string, Quote] // the zero value is ready to use

	quotes.Set("ACME", Quote{Bid: 99, Ask: 101})
	quote, ok := quotes.Get("ACME")
	fmt.Println(quote, ok)
	// Output: {99 101} true
}

func ExampleContext_View() {
	type Page struct {
		Title string
		Body  [1 << 16]byte
	}
	var pages kv.Context[string, Page]
	pages.Set("/", Page{Title: "Home"})

	found := pages.View("/", func(p *Page) {
		fmt.Println(p.Title) // no copy of 64 KiB
	})
	fmt.Println(found)
	// Output:
	// Home
	// true
}

func ExampleContext_GetOrSet() {
	var owners kv.Context[string, string]
	for _, name := range []string{"ann", "bob"} {
		owner, taken := owners.GetOrSet("lease", name)
		fmt.Println(owner, taken)
	}
	// Output:
	// ann false
	// ann true
}

func ExampleContext_Update() {
	var stock kv.Context[string, int]
	stock.Set("bolts", 2)

	sell := func() (sold bool, err error) {
		err = stock.Update("bolts", func(n int, ok bool) (int, kv.Op) {
			sold = ok // set in each run, as Update may run the function again
			switch {
			case !ok:
				return 0, kv.Keep
			case n == 1:
				return 0, kv.Delete
			}
			return n - 1, kv.Set
		})
		return sold, err
	}
	for range 3 {
		fmt.Println(sell())
	}
	// Output:
	// true <nil>
	// true <nil>
	// false <nil>
}

// An Update function may use other keys, but must change its own only through its result.
func ExampleContext_Update_otherKeys() {
	var c kv.Context[string, int]
	c.Set("a", 1)

	fmt.Println(c.Update("a", func(a int, _ bool) (int, kv.Op) {
		c.Set("b", 10)
		b, _ := c.Get("b")
		return a + b, kv.Set
	}))
	a, _ := c.Get("a")
	fmt.Println(a)
	// Output:
	// <nil>
	// 11
}

func ExampleCompareAndSwap() {
	var state kv.Context[string, string]
	state.Set("job", "queued")
	fmt.Println(kv.CompareAndSwap(&state, "job", "queued", "running"))
	fmt.Println(kv.CompareAndSwap(&state, "job", "queued", "running"))
	// Output:
	// true
	// false
}

func ExampleAdd() {
	var counts kv.Context[string, int]
	for _, word := range strings.Fields("to be or not to be") {
		kv.Add(&counts, word, 1)
	}
	fmt.Println(counts.Snapshot())
	// Output: map[be:2 not:1 or:1 to:2]
}

func ExampleContext_All() {
	var c kv.Context[string, int]
	c.Set("a", 1)
	c.Set("b", 2)
	sum := 0
	for key, value := range c.All() {
		sum += value
		c.Set(key, 0) // the body may change c
	}
	fmt.Println(sum, c.Snapshot())
	// Output: 3 map[a:0 b:0]
}

func ExampleContext_Snapshot() {
	var c kv.Context[string, int]
	c.Set("a", 1)
	snapshot := c.Snapshot()
	c.Set("a", 2)
	fmt.Println(snapshot)
	// Output: map[a:1]
}

func ExampleContext_Restore() {
	var c kv.Context[string, int]
	c.Set("a", 1)
	saved := c.Snapshot()
	c.Set("a", 2)
	c.Set("b", 3)
	c.Restore(saved)
	fmt.Println(maps.Collect(c.All()))
	// Output: map[a:1]
}

func ExampleContext_Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	var c kv.Context[string, int]
	changes := c.Watch(ctx, "a", 2) // buffers up to two changes
	c.Set("a", 1)
	c.Set("a", 2)
	c.Set("b", 0)
	c.Delete("a")
	for change := range changes {
		fmt.Printf("%+v\n", change)
		if !change.Present {
			break // ends the watch, as cancel would
		}
	}
	// Output:
	// {Key:a Value:2 Present:true Skipped:1}
	// {Key:a Value:0 Present:false Skipped:0}
}

func ExampleContext_WatchAll() {
	var c kv.Context[string, int]
	changes := c.WatchAll(context.Background(), 0)
	c.Set("a", 1)
	c.Set("b", 2)
	c.Delete("a")
	for change := range changes {
		fmt.Println(change.Key, change.Value, change.Present)
		if !change.Present {
			break
		}
	}
	// Output:
	// a 1 true
	// b 2 true
	// a 0 false
}
