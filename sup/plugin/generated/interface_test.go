//go:build unix

package generated_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/plugin/internal/golden/converter"
)

func TestTheHostCallsTheInterface(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
		text, err := h.Convert(t.Context(), converter.File{Name: "a", Size: 3, Data: []byte("abc"), Time: at})
		if want := "a 3 abc 2026-01-02T02:04:05.000000006Z"; text != want || err != nil {
			t.Errorf("Convert: %q, %v; want %q", text, err, want)
		}
		text, err = h.Convert(t.Context(), converter.File{Name: "large"})
		if text != "partial" || !errors.Is(err, converter.ErrTooLarge) || errors.Is(err, converter.ErrUnknown) || err.Error() != "large: file too large" {
			t.Errorf("Convert of a large file: %q, %v", text, err)
		}
		first, second, count, err := h.Both(t.Context(), &converter.File{Name: "b", Data: []byte{}}, map[string][]converter.Pair[int, string]{"x": {{First: 1, Second: "one"}, {First: 2, Second: "two"}}})
		if diff := cmp.Diff(&converter.File{Name: "b", Data: []byte{}}, first); diff != "" || second != nil || count != 2 || err != nil {
			t.Errorf("Both: %v, %d, %v (-want +got):\n%s", second, count, err, diff)
		}
		if err := h.Stop(t.Context()); err != nil {
			t.Errorf("Stop, of the embedded interface: %v", err)
		}
	})
}

func TestStreamsAndCallbacksCross(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		n := 0
		for line, err := range h.Lines(t.Context(), converter.File{Name: "l", Size: 5000}) {
			if want := fmt.Sprint("l", n); line != want || err != nil {
				t.Fatalf("line %d: %q, %v", n, line, err)
			}
			n++
		}
		if n != 5000 {
			t.Errorf("%d lines; want 5000", n)
		}
		s := new(shelf)
		got, err := h.Index(t.Context(), files(100, ""), s)
		if got != 100*1000+100 || err != nil || len(s.files) != 100 {
			t.Errorf("Index: %d, %v; %d files", got, err, len(s.files))
		}
		if _, err := h.Index(t.Context(), files(10, "refused"), s); !errors.Is(err, converter.ErrUnknown) {
			t.Errorf("Index of a refused file: %v; want ErrUnknown", err)
		}
	})
}

// files yields files, of which the sixth has a name.
func files(n int, sixth string) iter.Seq2[converter.File, error] {
	return func(yield func(converter.File, error) bool) {
		for i := range n {
			f := converter.File{Name: fmt.Sprint("f", i), Data: make([]byte, 5000)}
			if i == 5 && sixth != "" {
				f.Name = sixth
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func TestADeathIsTheErrorOfAllCallsInFlight(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		waiting := make(chan error, 3)
		for range 3 {
			go func() { waiting <- h.Order(t.Context(), "wait") }()
		}
		in := func() int {
			c, err := h.child.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return c.InFlight()
		}
		for in() < 3 {
			time.Sleep(time.Millisecond)
		}
		if err := h.Order(t.Context(), "die"); !isDied(err) {
			t.Errorf("error of the call that killed the plugin: %v", err)
		}
		for range 3 {
			if err := <-waiting; !isDied(err) {
				t.Errorf("error of a call in flight: %v", err)
			}
		}
		if _, err := h.Convert(t.Context(), converter.File{}); err != nil {
			t.Errorf("Convert after the restart: %v", err)
		}
	})
}

func TestADeathEndsStreams(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		lines := 0
		var last error
		for _, err := range h.Lines(t.Context(), converter.File{Name: "dies", Size: 5000}) {
			if last = err; err == nil {
				lines++
			}
		}
		if lines > 1000 || !isDied(last) {
			t.Errorf("after %d lines: %v; want a DiedError", lines, last)
		}
		stopped := false
		_, err := h.Index(t.Context(), func(yield func(converter.File, error) bool) {
			defer func() { stopped = true }()
			for f, err := range files(1_000_000, "dies") {
				if !yield(f, err) {
					return
				}
			}
		}, new(shelf))
		if !isDied(err) || !stopped {
			t.Errorf("Index: %v; want a DiedError; the producer has stopped: %v", err, stopped)
		}
	})
}

func TestAnIdempotentMethodIsCalledOnceMore(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		mark := filepath.Join(t.TempDir(), "died")
		if text, err := h.Convert(t.Context(), converter.File{Name: "dies once", Data: []byte(mark)}); !strings.HasPrefix(text, "dies once") || err != nil {
			t.Errorf("Convert: %q, %v", text, err)
		}
		if _, err := h.Convert(t.Context(), converter.File{Name: "dies"}); !isDied(err) {
			t.Errorf("Convert that dies each time: %v", err)
		}
	})
}

func TestACallEndsWithItsContextAndLeavesThePluginAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := h.Convert(ctx, converter.File{Name: "waits"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Convert: %v", err)
		}
		info, _ := h.child.Info()
		if info.Incarnation != 1 {
			t.Errorf("%d starts of the plugin; want 1", info.Incarnation)
		}
	})
}

func TestManyCallersAndDeathsLeaveNoCallBehind(t *testing.T) {
	everywhere(t, func(t *testing.T, h host) {
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				for range 30 {
					switch n % 4 {
					case 0:
						_, _ = h.Convert(t.Context(), converter.File{Name: "a"})
					case 1:
						for range h.Lines(t.Context(), converter.File{Name: "l", Size: 200}) {
						}
					case 2:
						_, _ = h.Index(t.Context(), files(20, ""), new(shelf))
					}
				}
			})
		}
		for range 5 {
			if err := h.Order(t.Context(), "die"); !isDied(err) {
				t.Errorf("Order: %v", err)
			}
		}
		wg.Wait()
	})
}

func TestAnImplementationInProcessIsClosedAtTheEnd(t *testing.T) {
	closed := make(chan struct{})
	source := plugin.InProcess(func(context.Context) (converter.Converter, error) { return &machine{closed: closed}, nil })
	h := supervise(t, source)
	waiting := make(chan error, 1)
	go func() { waiting <- h.Order(t.Context(), "wait") }()
	c, err := h.child.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for c.InFlight() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := c.Replace(t.Context(), plugin.InProcess(func(context.Context) (converter.Converter, error) { return &machine{}, nil }).Spec()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, plugin.ErrReplaced) {
		t.Errorf("call in flight: %v; want ErrReplaced", err)
	}
	<-closed
	if _, err := h.Convert(t.Context(), converter.File{}); err != nil {
		t.Errorf("Convert of the next: %v", err)
	}
}

func TestAnImplementationThatDoesNotStartIsAStartError(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(context.Context) (converter.Converter, error)
		want  string
	}{
		{"error", func(context.Context) (converter.Converter, error) { return nil, errors.New("no licence") }, "converter.Converter: start: no licence"},
		{"panic", func(context.Context) (converter.Converter, error) { panic("oh") }, "converter.Converter: start: panic: oh"},
	} {
		_, err := sup.Start(t.Context(), sup.Spec[*plugin.Client[converter.Converter]]{
			Children: []sup.ChildSpec[*plugin.Client[converter.Converter]]{{ID: "c", Start: plugin.InProcess(c.start).Start}},
		})
		if _, ok := errors.AsType[*plugin.StartError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want a StartError with %q", c.name, err, c.want)
		}
	}
}

func TestCheckShapeReportsWhatCannotCross(t *testing.T) {
	if err := plugin.CheckShape[converter.Converter](); err != nil {
		t.Error(err)
	}
	type unmarked interface{ M(context.Context) error }
	if err := plugin.CheckShape[unmarked](); err == nil || !strings.Contains(err.Error(), "has no generated code: mark it //sup:plugin and run supgen") {
		t.Errorf("CheckShape of an unmarked interface: %v", err)
	}
}
