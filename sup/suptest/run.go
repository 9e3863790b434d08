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

// Run runs a test in a bubble of virtual time, like [synctest.Test]. Where that
// panics because goroutines are left, or because all wait for each other, Run
// fails the test and says which they are.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if deadlock := runBubble(t, f); deadlock != "" {
		t.Fatal(deadlock)
	}
}

// runBubble runs f in a bubble and returns what is to be said about a deadlock.
func runBubble(t *testing.T, f func(t *testing.T)) (deadlock string) {
	t.Helper()
	bubble := "" // as the headers of stacks name it
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

// explain says what a deadlock of a bubble means.
func explain(err error, stacks []string) string {
	var b strings.Builder
	if strings.Contains(err.Error(), "main bubble goroutine has exited") {
		fmt.Fprintf(&b, "suptest: the test has ended, and %d of its goroutines have not.\n", len(stacks))
		b.WriteString("A tree that the test starts must be stopped in it: use Start or Cleanup.\n")
		b.WriteString("A goroutine of a worker must end when its context is done: start it with sup.Go.")
	} else {
		fmt.Fprintf(&b, "suptest: all %d goroutines of the test wait for something that cannot come.\n", len(stacks))
		b.WriteString("No timer is set either that would end the wait. See what the test itself waits for.")
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

// ownHeader is the first line of the stack of the goroutine that calls it.
func ownHeader() string {
	buf := make([]byte, 256)
	header, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	return header
}

// bubbleOf returns the number of the bubble in a header such as "goroutine 7
// [chan receive (durable), synctest bubble 5]:".
func bubbleOf(header string) string {
	_, after, _ := strings.Cut(header, "synctest bubble ")
	return strings.TrimRight(after, "]:")
}

// Start starts a spec and returns the supervisor; it fails the test if that
// does not start. The supervisor is shut down when the test ends, see
// [Cleanup].
func Start[W sup.Worker](t testing.TB, spec sup.Spec[W]) *sup.Supervisor[W] {
	t.Helper()
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(termtext.Text(fmt.Sprint(err)))
	}
	Cleanup(t, s)
	return s
}

// patience is how much virtual time is waited for something before it is said
// not to come.
const patience = 10 * time.Minute

// Cleanup shuts a supervisor of any type down when the test ends, and fails the
// test if children have not stopped after ten minutes of virtual time, with
// their stacks.
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
		fmt.Fprintf(&b, "suptest: the tree does not stop: %s", termtext.Text(fmt.Sprint(err)))
		if stuck, ok := errors.AsType[*sup.StuckError](err); ok {
			for _, c := range stuck.Children {
				fmt.Fprintf(&b, "\n\n%s #%d:\n%s", termtext.Path(c.Path), c.Incarnation, c.Stack)
			}
		}
		t.Error(b.String())
	})
}

// settle waits until nothing is left to do before time passes.
func settle(t testing.TB) {
	t.Helper()
	defer func() {
		switch r := recover(); r {
		case nil:
		case "goroutine is not in a bubble":
			t.Fatal("suptest: the test does not run in virtual time: put its body into suptest.Run")
		default:
			panic(r)
		}
	}()
	synctest.Wait()
}
