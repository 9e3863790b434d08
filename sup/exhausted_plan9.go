package sup

import "syscall"

var (
	exhaustion       = []error{syscall.EMFILE}
	errAgain   error = syscall.ErrorString("no procs")
)
