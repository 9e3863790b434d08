// Package patience has the time limits of tests that cannot use virtual time, because they
// run processes. A test must not fail because the machine is busy.
package patience

import (
	"testing"
	"time"
)

// Bound is the longest time that a test waits for something that should happen soon.
const Bound = 5 * time.Minute

// Until waits until a condition holds, and fails the test if that takes longer than
// [Bound].
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(Bound); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", Bound, what)
		}
	}
}

// Scale calls try with a time limit that the test expires on purpose, or that must suffice
// for something to happen first. On a busy machine a short limit does not suffice, so
// Scale repeats a try that returns an error with four times the limit. It fails the test
// with the error of a limit of a minute or more, or of one that is not positive.
func Scale(tb testing.TB, least time.Duration, try func(limit time.Duration) error) {
	tb.Helper()
	for limit := least; ; limit *= 4 {
		err := try(limit)
		if err == nil {
			return
		}
		if limit <= 0 || limit >= time.Minute {
			tb.Errorf("with a limit of %v: %v", limit, err)
			return
		}
		tb.Logf("with a limit of %v: %v", limit, err)
	}
}
