//go:build unix

package generated_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/plugin/internal/golden/converter"
	"github.com/espalier-go/espalier/sup/proc"
)

// role is the environment variable that makes the test binary a plugin.
const role = "ESPALIER_TEST_INTERFACE"

func TestMain(m *testing.M) {
	if kind := os.Getenv(role); kind != "" {
		serve(kind)
		return
	}
	temp, err := os.MkdirTemp("", "espalier-generated")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("TMPDIR", temp)
	code := leaks.RunOutside(m, temp, "espalier/sup", "go-plugin", "google.golang.org/grpc")
	os.RemoveAll(temp)
	os.Exit(code)
}

// command returns the command of a plugin, which is the test binary.
func command(t testing.TB, kind string) proc.Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return proc.Command{Path: self, Env: append(os.Environ(), role+"="+kind, "GORACE=atexit_sleep_ms=0"), Stdout: proc.Kept, Stderr: proc.Kept}
}

// serve is the main function of each kind of plugin.
func serve(kind string) {
	switch kind {
	case "converter":
		converter.ServeConverter(&machine{kill: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }})
	case "plain":
		servePlain(mover{})
	case "addedField":
		serveAddedField(nil)
	case "addedResultField":
		serveAddedResultField(nil)
	case "addedOptional":
		serveAddedOptional(optionalMover{})
	case "renamedField":
		serveRenamedField(nil)
	case "retypedField":
		serveRetypedField(nil)
	case "addedMethod":
		serveAddedMethod(turner{})
	case "changedMethod":
		serveChangedMethod(nil)
	}
}

type mover struct{}

func (mover) Move(_ context.Context, p point) (point, error) { return point{p.X + 1, p.Y}, nil }

type turner struct{ mover }

func (turner) Turn(context.Context, float64) error { return nil }

type optionalMover struct{}

func (optionalMover) Move(_ context.Context, p pointOptional) (point, error) {
	return point{p.X + 1, p.Z}, nil
}

// machine is the converter of the tests.
type machine struct {
	kill   func() // ends the process, or its incarnation
	calls  atomic.Int32
	closed chan struct{} // closed by Close; may be nil
}

func (m *machine) Close() error {
	if m.closed != nil {
		close(m.closed)
	}
	return nil
}

func (m *machine) Convert(ctx context.Context, f converter.File) (string, error) {
	m.calls.Add(1)
	switch f.Name {
	case "large":
		return "partial", fmt.Errorf("%s: %w", f.Name, converter.ErrTooLarge)
	case "dies":
		m.kill()
	case "dies once": // the file is shared by the incarnations
		if _, err := os.Stat(string(f.Data)); err != nil {
			_ = os.WriteFile(string(f.Data), nil, 0o644)
			m.kill()
		}
	case "waits":
		<-ctx.Done()
		return "", ctx.Err()
	}
	return fmt.Sprintf("%s %d %s %s", f.Name, f.Size, f.Data, f.Time.UTC().Format(time.RFC3339Nano)), nil
}

func (m *machine) Order(ctx context.Context, order string) error {
	switch order {
	case "die":
		m.kill()
	case "wait":
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

func (m *machine) Both(_ context.Context, f *converter.File, pairs map[string][]converter.Pair[int, string]) (first, second *converter.File, count int, err error) {
	for _, list := range pairs {
		count += len(list)
	}
	return f, nil, count, nil
}

func (m *machine) Lines(ctx context.Context, f converter.File) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for n := range f.Size {
			if n == 1000 && f.Name == "dies" {
				m.kill()
			}
			if !yield(fmt.Sprint(f.Name, n), nil) {
				return
			}
		}
	}
}

func (m *machine) Index(ctx context.Context, files iter.Seq2[converter.File, error], store converter.Store) (n int, err error) {
	for f, err := range files {
		if err != nil {
			return n, err
		}
		if f.Name == "dies" {
			m.kill()
		}
		if _, err := store.Put(ctx, f); err != nil {
			return n, err
		}
		n++
	}
	names := 0
	for _, err := range store.Names(ctx, "") {
		if err != nil {
			return n, err
		}
		names++
	}
	return n*1000 + names, nil
}

func (m *machine) Stop(context.Context) error { return nil }

// shelf is a store of the host.
type shelf struct {
	mu    sync.Mutex
	files map[string]converter.File
}

func (s *shelf) Put(_ context.Context, f converter.File) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Name == "refused" {
		return 0, converter.ErrUnknown
	}
	if s.files == nil {
		s.files = make(map[string]converter.File)
	}
	s.files[f.Name] = f
	return len(s.files), nil
}

func (s *shelf) Names(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.mu.Lock()
		names := make([]string, 0, len(s.files))
		for name := range s.files {
			names = append(names, name)
		}
		s.mu.Unlock()
		for _, name := range names {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

// host is a supervisor of a converter.
type host struct {
	converter.Converter
	child sup.Child[*plugin.Client[converter.Converter]]
}

// supervise starts a host that ends with the test.
func supervise(t testing.TB, source *plugin.Source[converter.Converter]) host {
	t.Helper()
	s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[converter.Converter]]{
		Intensity: sup.Unlimited,
		Children:  []sup.ChildSpec[*plugin.Client[converter.Converter]]{{ID: "converter", Start: source.Start}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	child := s.Child("converter")
	return host{converter.NewConverter(child), child}
}

// inProcess returns a source of machines in this process.
func inProcess(opts ...plugin.InProcessOption) *plugin.Source[converter.Converter] {
	return plugin.InProcess(func(context.Context) (converter.Converter, error) {
		return &machine{kill: func() { panic("killed") }}, nil
	}, opts...)
}

// everywhere runs a test with a plugin of each kind.
func everywhere(t *testing.T, f func(t *testing.T, h host)) {
	t.Run("process", func(t *testing.T) {
		spec := converter.ConverterPlugin(command(t, "converter"))
		spec.StartTimeout = time.Minute
		f(t, supervise(t, plugin.NewSource(spec)))
	})
	t.Run("in process", func(t *testing.T) { f(t, supervise(t, inProcess())) })
	t.Run("in process, shared", func(t *testing.T) { f(t, supervise(t, inProcess(plugin.Shared()))) })
}

func isDied(err error) bool {
	_, ok := errors.AsType[*plugin.DiedError](err)
	return ok
}

// superviseEchoer starts an echoer that ends with the benchmark.
func superviseEchoer(t testing.TB, source *plugin.Source[echoer]) sup.Child[*plugin.Client[echoer]] {
	t.Helper()
	s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[echoer]]{
		Children: []sup.ChildSpec[*plugin.Client[echoer]]{{ID: "echo", Start: source.Start}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return s.Child("echo")
}
