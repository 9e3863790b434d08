//go:build !windows && !plan9

package sup

import "syscall"

var (
	exhaustion       = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}
	errAgain   error = syscall.EAGAIN
)
