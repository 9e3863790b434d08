// Package leaks is for the tests of packages that must leave no goroutine.
package leaks

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"testing"
)

// Run runs the tests and then, where there is a profile of leaked goroutines (see
// make leaks), finds it empty: no goroutine is left that waits for what nothing
// can reach any more. It returns the code to exit with. Bubbles see to their
// goroutines by themselves; this is for the tests on real threads.
func Run(m *testing.M) (code int) {
	code = m.Run()
	if code == 0 && !none(pprof.Lookup("goroutineleak")) {
		code = 1
	}
	return code
}

// none reports whether a profile is empty, or not there, and prints it otherwise.
func none(leaks *pprof.Profile) bool {
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
