// Package leaks fails the tests of a package that leave goroutines, processes or
// files behind.
package leaks

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"testing"
)

// Run runs the tests of a package, and returns the code to exit with. It fails if the
// profile of leaked goroutines is available, see make leaks, and not empty.
//
// The profile has the goroutines that wait for something unreachable. It is meant for
// tests with real time, because synctest checks the goroutines of a bubble itself.
func Run(m *testing.M) (code int) {
	code = m.Run()
	if code == 0 && !isEmpty(pprof.Lookup("goroutineleak")) {
		code = 1
	}
	return code
}

// isEmpty reports whether a profile is empty or not available. It prints any other.
func isEmpty(profile *pprof.Profile) bool {
	if profile == nil {
		return true
	}
	profile.WriteTo(io.Discard, 1) // the leaks are found by WriteTo, not by Count
	if profile.Count() == 0 {
		return true
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d leaked goroutines:\n", profile.Count())
	profile.WriteTo(os.Stderr, 1)
	return false
}
