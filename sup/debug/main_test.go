package debug_test

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"testing"
)

// TestMain fails if a test has leaked goroutines unintentionally, in a program built
// with the profile of leaked goroutines (see make leaks).
func TestMain(m *testing.M) {
	code := m.Run()
	if leaks := pprof.Lookup("goroutineleak"); code == 0 && leaks != nil {
		leaks.WriteTo(io.Discard, 1) // searches for leaks
		if n := leaks.Count(); n > intended {
			fmt.Fprintf(os.Stderr, "FAIL: %d leaked goroutines, %d of them intended:\n", n, intended)
			leaks.WriteTo(os.Stderr, 1)
			code = 1
		}
	}
	os.Exit(code)
}

// intended is the number of goroutines that tests have leaked intentionally.
var intended int
