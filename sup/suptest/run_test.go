package suptest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/sup"
)

func TestAnExpectationOutsideOfRunFailsTheTest(t *testing.T) {
	got := failureOf(t, func(t testing.TB) { new(Recorder).ExpectExactly(t) })
	same(t, "test without virtual time, want its body in suptest.Run", got)
}

func TestATreeThatDoesNotStartFailsTheTest(t *testing.T) {
	got := failureOf(t, func(t testing.TB) { Start(t, sup.Spec[*Worker]{Strategy: 9}) })
	if !strings.Contains(got, "Strategy") {
		t.Error(got)
	}
}

func TestATreeThatDoesNotStopFailsTheTestWithItsStacks(t *testing.T) {
	Run(t, func(t *testing.T) {
		w := new(Worker)
		release := w.Hang()
		defer release()
		spec := sup.Spec[*Worker]{Children: []sup.ChildSpec[*Worker]{
			{ID: "deaf", Start: func(context.Context) (*Worker, error) { return w, nil }},
		}}
		got := failureOf(t, func(t testing.TB) {
			Start(t, spec)
			synctest.Wait()
		})
		for _, part := range []string{
			"shutdown at the end of the test: supervisor/deaf: not stopped in time: context deadline exceeded",
			"\n\nsupervisor/deaf #1:\ngoroutine ", "(*Worker).Run(",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("missing %q in:\n%s", part, got)
			}
		}
	})
}

func TestRunReportsALeakedGoroutine(t *testing.T) {
	got := runBubble(t, leak)
	for _, part := range []string{
		"goroutines left at the end of the test: 1\n", "use suptest.Start or suptest.Cleanup", "start it with sup.Go",
		"suptest.leak.func1()",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("missing %q in:\n%s", part, got)
		}
	}
}

func TestRunReportsATreeThatIsLeftRunning(t *testing.T) {
	got := runBubble(t, func(t *testing.T) {
		if _, err := sup.Start(context.Background(), pair()); err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(got, "(*Worker).Run(") || !strings.Contains(got, "left at the end of the test: 3\n") {
		t.Error(got)
	}
}

func leak(*testing.T) {
	c := make(chan struct{})
	go func() { <-c }()
}

// This test runs itself in another process, where it fails.
func TestRunFailsATestThatLeaks(t *testing.T) {
	const within = "SUPTEST_LEAKS"
	if os.Getenv(within) != "" {
		Run(t, leak)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), within+"=1")
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		t.Errorf("exit: %v", err)
	}
	for _, part := range []string{"--- FAIL: " + t.Name(), "goroutines left at the end of the test: 1", "suptest.leak.func1()"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("missing %q in:\n%s", part, out)
		}
	}
}

func TestRunReportsTenLeakedGoroutinesAndCountsTheOthers(t *testing.T) {
	got := runBubble(t, func(t *testing.T) {
		c := make(chan struct{})
		for range 25 {
			go func() { <-c }()
		}
	})
	if !strings.HasSuffix(got, "\n\nand 15 more") || strings.Count(got, "\ngoroutine ") != 10 {
		t.Error(got)
	}
}

func TestRunReportsADeadlock(t *testing.T) {
	got := runBubble(t, func(t *testing.T) { <-make(chan struct{}) })
	if !strings.Contains(got, "goroutines of the test wait for each other") || !strings.Contains(got, "TestRunReportsADeadlock.func1(") {
		t.Error(got)
	}
}

func TestRunPassesAnyOtherPanicOn(t *testing.T) {
	Run(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("a bubble in a bubble did not panic")
			}
		}()
		Run(t, func(*testing.T) {})
	})
}
