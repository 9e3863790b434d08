package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writeListenPid replaces pidPlaceholder in the environment of a traced process with
// the id of the process.
//
// The id is known only after the fork, when Go no longer runs code of this package,
// and a shell in between would change more of the environment. But a traced process
// stops after its exec, with the environment in its memory. LISTEN_PID is the last
// entry, and the bytes after the id become zero. The addresses come from the stack,
// which begins with the arguments and the environment, because the tracer of another
// user's process may not read them from /proc.
func writeListenPid(pid int) error {
	stack, err := stackPointer(pid)
	if err != nil {
		return err
	}
	argc, err := peekWord(pid, stack)
	if err != nil {
		return err
	}
	const word = bits.UintSize / 8
	var last uintptr
	for at := stack + (argc+2)*word; ; at += word { // after argc, the arguments and a zero
		entry, err := peekWord(pid, at)
		if err != nil {
			return err
		}
		if entry == 0 {
			break
		}
		last = entry
	}
	entry := []byte(listenPidVariable + "=" + pidPlaceholder + "\x00")
	found := make([]byte, len(entry))
	if _, err := syscall.PtracePeekData(pid, last, found); err != nil {
		return os.NewSyscallError("ptrace", err)
	}
	if string(found) != string(entry) {
		return errors.New("not the last entry of the environment")
	}
	clear(entry[len(listenPidVariable)+1:])
	copy(entry[len(listenPidVariable)+1:], strconv.Itoa(pid))
	if _, err := syscall.PtracePokeData(pid, last, entry); err != nil {
		return os.NewSyscallError("ptrace", err)
	}
	return nil
}

func peekWord(pid int, at uintptr) (uintptr, error) {
	var b [bits.UintSize / 8]byte
	if _, err := syscall.PtracePeekData(pid, at, b[:]); err != nil {
		return 0, os.NewSyscallError("ptrace", err)
	}
	if bits.UintSize == 32 {
		return uintptr(binary.NativeEndian.Uint32(b[:4])), nil
	}
	return uintptr(binary.NativeEndian.Uint64(append(b[:], 0, 0, 0, 0)[:8])), nil
}

// stackPointers are the indices of the stack pointer in the general registers, in
// words, see struct user_regs_struct of each architecture.
var stackPointers = map[string]int{
	"386": 15, "amd64": 19, "arm": 13, "arm64": 31, "loong64": 3, "ppc64": 1, "ppc64le": 1, "riscv64": 2, "s390x": 17,
}

// stackPointer returns the stack pointer of a traced process that has stopped.
func stackPointer(pid int) (uintptr, error) {
	place, known := stackPointers[runtime.GOARCH]
	if !known {
		return 0, fmt.Errorf("no known stack pointer on architecture %s: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	const general = 1 // NT_PRSTATUS
	var registers [64]uintptr
	vector := unix.Iovec{Base: (*byte)(unsafe.Pointer(&registers))}
	vector.SetLen(int(unsafe.Sizeof(registers)))
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(pid), general, uintptr(unsafe.Pointer(&vector)), 0, 0)
	if errno != 0 {
		return 0, os.NewSyscallError("ptrace", errno)
	}
	if place == 19 && vector.Len != 27*8 {
		return 0, errors.New("program of another architecture than the host")
	}
	return registers[place], nil
}
