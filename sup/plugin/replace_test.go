//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

// versionOf returns the spec of a plugin that answers "env VERSION" with a name.
func versionOf(t *testing.T, kind, name string) plugin.Spec[Words] {
	spec := specOf(t, kind)
	spec.Name = name
	spec.Command.Env = append(spec.Command.Env, "VERSION="+name)
	return spec
}

func (h host) version(t *testing.T) string {
	t.Helper()
	answer, err := h.tell(t.Context(), "env VERSION")
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (h host) replace(ctx context.Context, t *testing.T, spec plugin.Spec[Words]) error {
	t.Helper()
	c, err := h.child.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.Replace(ctx, spec)
}

// inFlight begins a call and returns when its function runs.
func (h host) inFlight(t *testing.T, order string, opts ...plugin.Option) (answered <-chan error) {
	t.Helper()
	begun, done := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- plugin.Do(context.Background(), h.child, func(ctx context.Context, w Words) error {
			once.Do(func() { close(begun) })
			_, err := w.Tell(ctx, order)
			return err
		}, opts...)
	}()
	<-begun
	return done
}

func TestReplaceUpgradesWithoutARestart(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, versionOf(t, wire, "one"))
			old := h.pid(t)
			if err := h.replace(t.Context(), t, versionOf(t, wire, "two")); err != nil {
				t.Fatal(err)
			}
			if v := h.version(t); v != "two" {
				t.Errorf("version %q after the upgrade", v)
			}
			if exists(old) {
				t.Error("the old process is running")
			}
			if info, _ := h.child.Info(); info.Incarnation != 1 || info.Restarts != 0 {
				t.Errorf("the incarnation has ended: %+v", info)
			}
			h.kill(t)
			if v := h.version(t); v != "two" {
				t.Errorf("version %q after a crash", v)
			}
			if got := h.source.Spec().Name; got != "two" {
				t.Errorf("the source has version %q", got)
			}
		})
	}
}

func TestNoCallIsLostDuringAReplace(t *testing.T) {
	h := start(t, versionOf(t, "grpc", "0"))
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				if _, err := h.tell(t.Context(), "sleep 2ms"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 4 {
		if err := h.replace(t.Context(), t, versionOf(t, "grpc", strconv.Itoa(i))); err != nil {
			t.Error(err)
		}
	}
	cancel()
	callers.Wait()
}

func TestReplaceWaitsForTheCallsInFlight(t *testing.T) {
	spec := versionOf(t, "grpc", "one")
	spec.DrainTimeout = time.Minute
	h := start(t, spec)
	answered := h.inFlight(t, "sleep 300ms")
	if err := h.replace(t.Context(), t, versionOf(t, "grpc", "two")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	default:
		t.Error("the old process was stopped before its call returned")
	}
}

func TestCallsThatOutlastDrainTimeoutAreCutOffAndRepeatedIfIdempotent(t *testing.T) {
	spec := versionOf(t, "grpc", "one")
	spec.DrainTimeout = 20 * time.Millisecond
	h := start(t, spec)
	cut := h.inFlight(t, "sleep 1h")
	again := h.inFlight(t, "sleep 500ms", plugin.Idempotent())
	if err := h.replace(t.Context(), t, versionOf(t, "grpc", "two")); err != nil {
		t.Fatal(err)
	}
	if err := <-cut; !errors.Is(err, plugin.ErrReplaced) || !errors.As(err, new(*plugin.DiedError)) {
		t.Error(err)
	}
	if err := <-again; err != nil {
		t.Error(err)
	}
}

func TestTheOldProcessContinuesWhenTheNewOneDoesNotBecomeReady(t *testing.T) {
	h := start(t, versionOf(t, "grpc", "one"))
	pid := h.pid(t)
	slow := versionOf(t, "silent", "two")
	slow.StartTimeout = 100 * time.Millisecond
	for _, c := range []struct {
		name string
		time time.Duration
		spec plugin.Spec[Words]
		is   error
	}{
		{"too slow", time.Hour, slow, plugin.ErrNotReady},
		{"the caller's time", 100 * time.Millisecond, versionOf(t, "silent", "two"), context.DeadlineExceeded},
		{"bad", time.Hour, versionOf(t, "rubbish", "two"), plugin.ErrHandshake},
		{"no spec", time.Hour, plugin.Spec[Words]{}, sup.ErrSpec},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.time)
			defer cancel()
			if err := h.replace(ctx, t, c.spec); !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if again := h.pid(t); again != pid {
				t.Error("the old process has ended")
			}
			if got := h.source.Spec().Name; got != "one" {
				t.Errorf("the source has version %q", got)
			}
		})
	}
}

func TestAReplaceEndsWithTheIncarnation(t *testing.T) {
	h := start(t, versionOf(t, "grpc", "one"))
	c, err := h.child.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	replaced := make(chan error)
	go func() { replaced <- c.Replace(context.Background(), versionOf(t, "silent", "two")) }()
	eventually(t, "two processes are running", func() bool { return countChildren() > 1 })
	h.kill(t)
	if err := <-replaced; !errors.Is(err, plugin.ErrEnded) {
		t.Errorf("%v", err)
	}
	if err := c.Replace(t.Context(), versionOf(t, "grpc", "two")); err != plugin.ErrEnded {
		t.Errorf("after the end of the incarnation: %v", err)
	}
	if v := h.version(t); v != "one" {
		t.Errorf("version %q", v)
	}
}

func TestConcurrentReplacesAreDoneOneAfterTheOther(t *testing.T) {
	h := start(t, versionOf(t, "grpc", "0"))
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			if err := h.replace(t.Context(), t, versionOf(t, "grpc", strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := countChildren(); n != 1 {
		t.Errorf("%d processes are running", n)
	}
	if v, source := h.version(t), h.source.Spec().Name; v != source {
		t.Errorf("version %q, and %q in the source", v, source)
	}
}

func TestUseSetsTheSpecOfTheNextIncarnation(t *testing.T) {
	h := start(t, specOf(t, "once="+filepath.Join(t.TempDir(), "started")), func(c *sup.ChildSpec[*plugin.Client[Words]]) {
		c.Budget = sup.Intensity{Restarts: 1, Within: time.Hour}
	})
	h.kill(t)
	if _, err := h.tell(t.Context(), "pid"); !errors.Is(err, sup.ErrQuarantined) {
		t.Fatal(err)
	}
	if err := h.source.Use(plugin.Spec[Words]{}); !errors.Is(err, sup.ErrSpec) {
		t.Errorf("a spec with faults: %v", err)
	}
	if err := h.source.Use(versionOf(t, "grpc", "two")); err != nil {
		t.Fatal(err)
	}
	if err := h.RestartChild(t.Context(), "words"); err != nil {
		t.Fatal(err)
	}
	if v := h.version(t); v != "two" {
		t.Errorf("version %q", v)
	}
}
