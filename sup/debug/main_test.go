package debug_test

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"testing"
)

// TestMain runs the tests and then, where there is a profile of leaked
// goroutines (see make leaks), finds none of a goroutine that a handler started.
func TestMain(m *testing.M) {
	code := m.Run()
	if leaks := pprof.Lookup("goroutineleak"); code == 0 && leaks != nil {
		leaks.WriteTo(io.Discard, 1) // it is this that looks for leaks
		if n := leaks.Count(); n > wanted {
			fmt.Fprintf(os.Stderr, "FAIL: %d goroutines have leaked, and %d of them on purpose:\n", n, wanted)
			leaks.WriteTo(os.Stderr, 1)
			code = 1
		}
	}
	os.Exit(code)
}

// wanted is how many goroutines tests have leaked on purpose.
var wanted int
