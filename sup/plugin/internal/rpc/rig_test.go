package rpc

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// The interface of the tests, with a method of every kind, and what supgen would write
// for it.

type file struct {
	Name string
	Data []byte
}

type store interface {
	Put(ctx context.Context, f file) (int, error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

type converter interface {
	Convert(ctx context.Context, f file) (string, error)
	Lines(ctx context.Context, f file) iter.Seq2[string, error]
	Index(ctx context.Context, files iter.Seq2[file, error], s store) (int, error)
}

var errTooLarge = errors.New("too large")

type storeClient struct{ c Caller }

func (p storeClient) Put(ctx context.Context, f file) (r0 int, err error) {
	err = p.c.Call(ctx, "Put", []any{&f}, []any{&r0})
	return r0, err
}

func (p storeClient) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return Stream[string](ctx, p.c, "List", &prefix)
}

type converterClient struct{ c Caller }

func (p converterClient) Convert(ctx context.Context, f file) (r0 string, err error) {
	err = p.c.Call(ctx, "Convert", []any{&f}, []any{&r0})
	return r0, err
}

func (p converterClient) Lines(ctx context.Context, f file) iter.Seq2[string, error] {
	return Stream[string](ctx, p.c, "Lines", &f)
}

func (p converterClient) Index(ctx context.Context, files iter.Seq2[file, error], s store) (r0 int, err error) {
	err = p.c.Call(ctx, "Index", []any{NewInput(files), NewCallback(s)}, []any{&r0})
	return r0, err
}

var _ = Define(&Definition{
	Name: "store", Type: reflect.TypeFor[store](),
	NewClient: func(c Caller) any { return storeClient{c} },
	Errors:    []NamedError{{"errTooLarge", errTooLarge}},
	Methods: []Method{
		{Name: "Put", Serve: func(ctx context.Context, impl any, c *ServerCall) error {
			var f file
			if err := c.Args(&f); err != nil {
				return err
			}
			r0, err := impl.(store).Put(ctx, f)
			return c.Return(err, &r0)
		}},
		{Name: "List", Session: true, Serve: func(ctx context.Context, impl any, c *ServerCall) error {
			var prefix string
			if err := c.Args(&prefix); err != nil {
				return err
			}
			return Output(c, impl.(store).List(ctx, prefix))
		}},
	},
})

var converterDef = Define(&Definition{
	Name: "converter", Type: reflect.TypeFor[converter](),
	NewClient: func(c Caller) any { return converterClient{c} },
	Errors:    []NamedError{{"errTooLarge", errTooLarge}},
	Methods: []Method{
		{Name: "Convert", Serve: func(ctx context.Context, impl any, c *ServerCall) error {
			var f file
			if err := c.Args(&f); err != nil {
				return err
			}
			r0, err := impl.(converter).Convert(ctx, f)
			return c.Return(err, &r0)
		}},
		{Name: "Lines", Session: true, Serve: func(ctx context.Context, impl any, c *ServerCall) error {
			var f file
			if err := c.Args(&f); err != nil {
				return err
			}
			return Output(c, impl.(converter).Lines(ctx, f))
		}},
		{Name: "Index", Session: true, Serve: func(ctx context.Context, impl any, c *ServerCall) error {
			files := TakeInput[file](c)
			s, err := TakeCallback[store](c)
			if err != nil {
				return err
			}
			r0, err := impl.(converter).Index(ctx, files, s)
			return c.Return(err, &r0)
		}},
	},
})

// fake is a converter of functions.
type fake struct {
	convert func(ctx context.Context, f file) (string, error)
	lines   func(ctx context.Context, f file) iter.Seq2[string, error]
	index   func(ctx context.Context, files iter.Seq2[file, error], s store) (int, error)
}

func (f *fake) Convert(ctx context.Context, v file) (string, error) { return f.convert(ctx, v) }
func (f *fake) Lines(ctx context.Context, v file) iter.Seq2[string, error] {
	return f.lines(ctx, v)
}
func (f *fake) Index(ctx context.Context, files iter.Seq2[file, error], s store) (int, error) {
	return f.index(ctx, files, s)
}

// memory is a store.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	put   func(file) error
}

func (m *memory) Put(_ context.Context, f file) (int, error) {
	if m.put != nil {
		if err := m.put(f); err != nil {
			return 0, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = make(map[string][]byte)
	}
	m.files[f.Name] = f.Data
	return len(m.files), nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for name := range m.files {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

// everywhere runs a test over each transport.
func everywhere(t *testing.T, f func(t *testing.T, serve func(impl converter) converter)) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("in process, shared %v", shared), func(t *testing.T) {
			f(t, func(impl converter) converter {
				var wg sync.WaitGroup
				t.Cleanup(wg.Wait)
				var mu sync.Mutex
				var death error
				return converterClient{&Local{
					Def: converterDef, Impl: impl, Shared: shared,
					Go: func(f func()) error { wg.Go(f); return nil },
					Died: func(value any, _ string) {
						mu.Lock()
						defer mu.Unlock()
						death = fmt.Errorf("died of %v", value)
					},
					Failed: func() error { mu.Lock(); defer mu.Unlock(); return death },
				}}
			})
		})
	}
	t.Run("over gRPC", func(t *testing.T) {
		f(t, func(impl converter) converter {
			listener := bufconn.Listen(1 << 20)
			server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
			if err := Register(server, converterDef, impl); err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = server.Serve(listener)
			}()
			conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				conn.Close()
				server.Stop()
				<-served
			})
			remote := &Remote{Def: converterDef, Conn: conn}
			if err := remote.Compare(context.Background()); err != nil {
				t.Fatal(err)
			}
			return converterClient{remote}
		})
	})
}
