package sup

import "syscall"

var (
	// exhaustion holds the codes of Windows, and those that package syscall defines
	// for the portable names.
	exhaustion = []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
		syscall.Errno(4),     // ERROR_TOO_MANY_OPEN_FILES
		syscall.Errno(8),     // ERROR_NOT_ENOUGH_MEMORY
		syscall.Errno(14),    // ERROR_OUTOFMEMORY
		syscall.Errno(1450),  // ERROR_NO_SYSTEM_RESOURCES
		syscall.Errno(1455),  // ERROR_COMMITMENT_LIMIT
		syscall.Errno(10024), // WSAEMFILE
		syscall.Errno(10055), // WSAENOBUFS
	}
	errAgain error = syscall.EAGAIN
)
