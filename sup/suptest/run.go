package suptest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// Run runs f as a test in virtual time, like [synctest.Test]. If goroutines are left
// when f has returned, or all of them wait for each other, Run fails the test with
// their stacks, where synctest.Test panics.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if deadlock := runBubble(t, f); deadlock != "" {
		t.Fatal(deadlock)
	}
}

// runBubble runs f in a bubble and describes the deadlock that ended it, if any.
func runBubble(t *testing.T, f func(t *testing.T)) (deadlock string) {
	t.Helper()
	bubble := "" // its number in the headers of stacks
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		err, ok := r.(error)
		if !ok || !strings.HasPrefix(err.Error(), "deadlock: ") {
			panic(r)
		}
		deadlock = explain(err, stacksIn(bubble))
	}()
	synctest.Test(t, func(t *testing.T) {
		bubble = bubbleOf(ownHeader())
		f(t)
	})
	return ""
}

// explain describes a deadlock of a bubble to the author of the test.
func explain(err error, stacks []string) string {
	var b strings.Builder
	if strings.Contains(err.Error(), "main bubble goroutine has exited") {
		fmt.Fprintf(&b, "goroutines left at the end of the test: %d\n", len(stacks))
		b.WriteString("A tree that the test starts must be stopped in it: use suptest.Start or suptest.Cleanup.\n")
		b.WriteString("A goroutine of a worker must end when its context is done: start it with sup.Go.")
	} else {
		fmt.Fprintf(&b, "deadlock: all %d goroutines of the test wait for each other, and no timer is set.\n", len(stacks))
		b.WriteString("Check first what the test itself waits for.")
	}
	const most = 10
	for i, stack := range stacks {
		if i == most {
			fmt.Fprintf(&b, "\n\nand %d more", len(stacks)-most)
			break
		}
		b.WriteString("\n\n" + stack)
	}
	return b.String()
}

// stacksIn returns the stacks of the goroutines of a bubble.
func stacksIn(bubble string) []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var stacks []string
	for stack := range strings.SplitSeq(strings.TrimSpace(string(buf)), "\n\n") {
		header, _, _ := strings.Cut(stack, "\n")
		if bubble != "" && bubbleOf(header) == bubble {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// ownHeader returns the first line of the stack of the calling goroutine.
func ownHeader() string {
	buf := make([]byte, 256)
	header, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	return header
}

// bubbleOf returns the number of the bubble in the header of a stack, such as
// "goroutine 7 [chan receive (durable), synctest bubble 5]:".
func bubbleOf(header string) string {
	_, after, _ := strings.Cut(header, "synctest bubble ")
	return strings.TrimRight(after, "]:")
}

// Start starts a spec and returns the supervisor. It fails the test if the start
// fails. When the test ends, the supervisor is shut down as by [Cleanup].
func Start[W sup.Worker](t testing.TB, spec sup.Spec[W]) *sup.Supervisor[W] {
	t.Helper()
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(termtext.Text(fmt.Sprint(err)))
	}
	Cleanup(t, s)
	return s
}

// patience is how much virtual time passes before an expectation fails.
const patience = 10 * time.Minute

// Cleanup shuts down a supervisor of any type when the test ends. If children have
// not stopped after ten minutes of virtual time, it fails the test with their stacks.
func Cleanup(t testing.TB, s interface {
	Shutdown(ctx context.Context) error
}) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := s.Shutdown(ctx)
		if err == nil {
			return
		}
		var b strings.Builder
		fmt.Fprintf(&b, "shutdown at the end of the test: %s", termtext.Text(fmt.Sprint(err)))
		if stuck, ok := errors.AsType[*sup.StuckError](err); ok {
			for _, c := range stuck.Children {
				fmt.Fprintf(&b, "\n\n%s #%d:\n%s", termtext.Path(c.Path), c.Incarnation, c.Stack)
			}
		}
		t.Error(b.String())
	})
}

// Settle waits until every goroutine of the test waits for time to pass or for
// another goroutine. It is [synctest.Wait], but outside of [Run] it fails the test.
func Settle(t testing.TB) {
	t.Helper()
	defer func() {
		switch r := recover(); r {
		case nil:
		case "goroutine is not in a bubble":
			t.Fatal("test without virtual time, want its body in suptest.Run")
		default:
			panic(r)
		}
	}()
	synctest.Wait()
}
