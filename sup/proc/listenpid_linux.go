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

// writeListenPid writes the id of a process over noPid in its environment.
//
// The id is known only after the fork, when Go runs no code of ours any more, and
// a shell in between would change more of the environment than that. But a
// process that is traced stops after its exec, with its environment in its
// memory: LISTEN_PID is the last entry, and what follows the id becomes zero.
// What /proc says of the memory is not for the tracer of another user's process,
// but the stack is, and it begins with the arguments and the environment.
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
	for at := stack + (argc+2)*word; ; at += word { // behind argc, the arguments and a zero
		entry, err := peekWord(pid, at)
		if err != nil {
			return err
		}
		if entry == 0 {
			break
		}
		last = entry
	}
	entry := []byte(listenPidVariable + "=" + noPid + "\x00")
	found := make([]byte, len(entry))
	if _, err := syscall.PtracePeekData(pid, last, found); err != nil {
		return os.NewSyscallError("ptrace", err)
	}
	if string(found) != string(entry) {
		return errors.New("the environment of the process does not end with it")
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

// stackPointers are the places of the stack pointer in the general registers,
// counted in words, see struct user_regs_struct of each architecture.
var stackPointers = map[string]int{
	"386": 15, "amd64": 19, "arm": 13, "arm64": 31, "loong64": 3, "ppc64": 1, "ppc64le": 1, "riscv64": 2, "s390x": 17,
}

// stackPointer returns that of a process that is traced and has stopped.
func stackPointer(pid int) (uintptr, error) {
	place, known := stackPointers[runtime.GOARCH]
	if !known {
		return 0, fmt.Errorf("a host of the architecture %s cannot find it: %w", runtime.GOARCH, errors.ErrUnsupported)
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
		return 0, errors.New("the program is not of the host's architecture")
	}
	return registers[place], nil
}
