package rpc

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestACallReturnsResultsAndErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{convert: func(_ context.Context, f file) (string, error) {
			switch f.Name {
			case "large":
				return "partial", errors.Join(errTooLarge, errors.New("by far"))
			case "odd":
				return "", errors.New("odd")
			}
			return strings.ToUpper(string(f.Data)), nil
		}})
		if text, err := c.Convert(t.Context(), file{"a", []byte("abc")}); text != "ABC" || err != nil {
			t.Errorf("Convert: %q, %v", text, err)
		}
		text, err := c.Convert(t.Context(), file{Name: "large"})
		if text != "partial" || !errors.Is(err, errTooLarge) || err.Error() != "too large\nby far" {
			t.Errorf("Convert of a large file: %q, %v; want an error that is errTooLarge", text, err)
		}
		if _, err := c.Convert(t.Context(), file{Name: "odd"}); err == nil || err.Error() != "odd" || errors.Is(err, errTooLarge) {
			t.Errorf("Convert of an odd file: %v", err)
		}
	})
}

func TestACallEndsWithItsContext(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		ended := make(chan error, 2)
		c := serve(&fake{convert: func(ctx context.Context, _ file) (string, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return "", ctx.Err()
		}})
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("enough")
		time.AfterFunc(10*time.Millisecond, func() { cancel(reason) })
		if _, err := c.Convert(ctx, file{}); err != reason {
			t.Errorf("error of a call that was cancelled: %v; want %v", err, reason)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("error of its context in the plugin: %v", err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer stop()
		if _, err := c.Convert(ctx, file{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error of a call that took too long: %v", err)
		}
		if err := <-ended; err != context.DeadlineExceeded && err != context.Canceled {
			t.Errorf("error of its context in the plugin: %v", err)
		}
	})
}

func lines(n int, closed chan<- bool) func(context.Context, file) iter.Seq2[string, error] {
	return func(ctx context.Context, f file) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			defer func() { closed <- true }()
			for i := range n {
				var err error
				if i%3 == 2 {
					err = errTooLarge
				}
				if !yield(f.Name+strings.Repeat("x", i%100), err) {
					return
				}
			}
		}
	}
}

func TestAStreamIsLazyAndEndsWithItsLoop(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		closed := make(chan bool, 10)
		const n = 20_000 // several windows
		c := serve(&fake{lines: lines(n, closed)})
		s := c.Lines(t.Context(), file{Name: "a"})
		if len(closed) > 0 {
			t.Error("the call began before the loop")
		}
		seen := 0
		for text, err := range s {
			if want := "a" + strings.Repeat("x", seen%100); text != want || errors.Is(err, errTooLarge) != (seen%3 == 2) {
				t.Fatalf("element %d: %q, %v", seen, text, err)
			}
			seen++
		}
		if <-closed; seen != n {
			t.Errorf("%d elements; want %d", seen, n)
		}
		for text, err := range s {
			if text != "" || err != ErrStreamUsed {
				t.Errorf("second use: %q, %v", text, err)
			}
		}
		for range c.Lines(t.Context(), file{}) {
			break
		}
		<-closed // the plugin's loop has ended too
	})
}

func TestAStreamThatFailsYieldsTheError(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{lines: func(ctx context.Context, _ file) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				yield("one", nil)
				<-ctx.Done()
			}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		for text, err := range c.Lines(ctx, file{}) {
			if err != nil {
				text = err.Error()
			}
			got = append(got, text)
			cancel()
		}
		if diff := cmp.Diff([]string{"one", "context canceled"}, got); diff != "" {
			t.Errorf("elements (-want +got):\n%s", diff)
		}
	})
}

func files(n, size int) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		for i := range n {
			if !yield(file{string(rune('a' + i%26)), make([]byte, size)}, nil) {
				return
			}
		}
	}
}

func TestAMethodReadsAStreamAndCallsBack(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{index: func(ctx context.Context, files iter.Seq2[file, error], s store) (int, error) {
			n := 0
			for f, err := range files {
				if err != nil {
					return n, err
				}
				if _, err := s.Put(ctx, f); err != nil {
					return n, err
				}
				n++
			}
			seen := 0
			for _, err := range s.List(ctx, "a") {
				if err != nil {
					return n, err
				}
				seen++
			}
			if seen != 1 {
				return n, errors.New("the list has not one element")
			}
			return n, nil
		}})
		m := new(memory)
		if n, err := c.Index(t.Context(), files(100, 10_000), m); n != 100 || err != nil || len(m.files) != 26 {
			t.Errorf("Index: %d, %v; %d files", n, err, len(m.files))
		}
		m.put = func(f file) error {
			if f.Name == "c" {
				return errTooLarge
			}
			return nil
		}
		if n, err := c.Index(t.Context(), files(100, 10_000), m); n != 2 || !errors.Is(err, errTooLarge) {
			t.Errorf("Index with a callback that fails: %d, %v", n, err)
		}
		m.put = func(f file) error { panic("in the callback") }
		if _, err := c.Index(t.Context(), files(1, 1), m); err == nil || err.Error() != "panic: in the callback" {
			t.Errorf("Index with a callback that panics: %v", err)
		}
	})
}

func TestNilStreamsAndCallbacksCross(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{index: func(_ context.Context, files iter.Seq2[file, error], s store) (n int, err error) {
			for range files {
				n++
			}
			if s != nil {
				n += 100
			}
			return n, nil
		}})
		if n, err := c.Index(t.Context(), nil, nil); n != 0 || err != nil {
			t.Errorf("Index: %d, %v", n, err)
		}
	})
}

func TestTheProducerIsStoppedBeforeTheMethodReturns(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{index: func(_ context.Context, files iter.Seq2[file, error], _ store) (int, error) {
			for range files {
				return 1, nil
			}
			return 0, nil
		}})
		running := false
		n, err := c.Index(t.Context(), func(yield func(file, error) bool) {
			running = true
			defer func() { running = false }()
			for yield(file{Data: make([]byte, 1000)}, nil) {
				runtime.Gosched()
			}
		}, nil)
		if n != 1 || err != nil || running {
			t.Errorf("Index: %d, %v; producer still running: %v", n, err, running)
		}
	})
}

func TestAPanicOfTheProducerIsThatOfTheCaller(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		c := serve(&fake{index: func(_ context.Context, files iter.Seq2[file, error], _ store) (int, error) {
			for _, err := range files {
				if err != nil {
					return 0, err
				}
			}
			return 0, nil
		}})
		defer func() {
			if value := recover(); value != "of the producer" {
				t.Errorf("panic: %v", value)
			}
		}()
		_, err := c.Index(t.Context(), func(yield func(file, error) bool) {
			yield(file{}, nil)
			panic("of the producer")
		}, nil)
		t.Errorf("Index returned %v", err)
	})
}

func TestACallbackThatOutlivesItsCallFails(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		kept := make(chan store, 1)
		stream := make(chan iter.Seq2[file, error], 1)
		c := serve(&fake{index: func(_ context.Context, files iter.Seq2[file, error], s store) (int, error) {
			kept <- s
			stream <- files
			return 0, nil
		}})
		if _, err := c.Index(t.Context(), files(1, 1), new(memory)); err != nil {
			t.Fatal(err)
		}
		s := <-kept
		if _, err := s.Put(t.Context(), file{}); !errors.Is(err, ErrCallOver) {
			t.Errorf("Put after the call: %v", err)
		}
		for _, err := range s.List(t.Context(), "") {
			if !errors.Is(err, ErrCallOver) {
				t.Errorf("List after the call: %v", err)
			}
		}
		for _, err := range <-stream {
			if !errors.Is(err, ErrCallOver) {
				t.Errorf("stream after the call: %v", err)
			}
		}
	})
}

func TestAPanicInProcessIsTheErrorOfTheCall(t *testing.T) {
	everywhere(t, func(t *testing.T, serve func(converter) converter) {
		if strings.Contains(t.Name(), "gRPC") {
			t.Skip("a panic ends the process of a plugin")
		}
		for _, kind := range []func(){func() { panic("boom") }, runtime.Goexit} {
			c := serve(&fake{
				convert: func(context.Context, file) (string, error) { kind(); return "", nil },
				lines:   func(context.Context, file) iter.Seq2[string, error] { kind(); return nil },
			})
			if _, err := c.Convert(t.Context(), file{}); err == nil || !strings.HasPrefix(err.Error(), "died of ") {
				t.Errorf("Convert: %v", err)
			}
			for _, err := range c.Lines(t.Context(), file{}) {
				if err == nil || !strings.HasPrefix(err.Error(), "died of ") {
					t.Errorf("Lines: %v", err)
				}
			}
		}
	})
}
