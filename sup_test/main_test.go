package sup_test

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"testing"
)

// TestMain runs the tests and then, where there is a profile of leaked
// goroutines (see make leaks), finds it empty: no goroutine is left that waits
// for what nothing can reach any more. Bubbles see to theirs by themselves; this
// is for the tests on real threads.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !leakless(pprof.Lookup("goroutineleak")) {
		code = 1
	}
	os.Exit(code)
}

// leakless reports whether a profile is empty, or not there, and prints it
// otherwise.
func leakless(leaks *pprof.Profile) bool {
	if leaks == nil {
		return true
	}
	leaks.WriteTo(io.Discard, 1) // it is this that looks for leaks
	if leaks.Count() == 0 {
		return true
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d goroutines have leaked:\n", leaks.Count())
	leaks.WriteTo(os.Stderr, 1)
	return false
}
