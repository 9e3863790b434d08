//go:build unix

package proc

import (
	"os"
	"runtime"
	"syscall"
)

// details returns what portable Go does not tell of an exit.
func details(state *os.ProcessState) (signal syscall.Signal, core bool, maxRSS int64) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		signal, core = status.Signal(), status.CoreDump()
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		maxRSS = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" && runtime.GOOS != "ios" { // those count bytes, the others KiB
			maxRSS *= 1 << 10
		}
	}
	return signal, core, maxRSS
}
