package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// processStat is what /proc reports about a process.
type processStat struct {
	pid, parent, group, session int

	ended  bool   // all threads have ended; not reaped yet
	kernel bool   // a thread of the kernel
	start  uint64 // in clock ticks since the system started
}

// ticks is the number of clock ticks per second in /proc, on all architectures of
// Go.
const ticks = 100

// listProcesses returns all processes that /proc shows. Processes that end meanwhile
// may be missing. It fails if, say, the host has run out of descriptors.
func listProcesses() ([]processStat, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	names, err := proc.Readdirnames(-1)
	proc.Close()
	if err != nil {
		return nil, err
	}
	all := make([]processStat, 0, len(names))
	var buf []byte
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		var p processStat
		p, buf, err = readProcess(pid, buf)
		switch {
		case err == nil:
			all = append(all, p)
		case !isGone(err):
			return nil, err
		}
	}
	return all, nil
}

const kernelThread = 0x00200000 // PF_KTHREAD

// readProcess returns what /proc reports about one process, see proc_pid_stat(5). It
// reads into buf, which may be nil, and returns the buffer for the next call.
func readProcess(pid int, buf []byte) (processStat, []byte, error) {
	stat, err := readProc(pid, "stat", buf)
	if err != nil {
		return processStat{}, stat, err
	}
	const state, parent, group, session, flags, threads, start = 0, 1, 2, 3, 6, 17, 19
	var fields [start + 1][]byte
	n := 0
	// The name of the program is in parentheses, and may contain any byte.
	for field := range bytes.FieldsSeq(stat[bytes.LastIndexByte(stat, ')')+1:]) {
		fields[n] = field
		if n++; n == len(fields) {
			break
		}
	}
	if n < len(fields) {
		return processStat{}, stat, unix.ESRCH
	}
	number := func(field int) uint64 {
		n, _ := strconv.ParseUint(string(fields[field]), 10, 64)
		return n
	}
	return processStat{
		pid:     pid,
		parent:  int(number(parent)),
		group:   int(number(group)),
		session: int(number(session)),
		// The first thread may have ended before the others.
		ended:  bytes.ContainsAny(fields[state], "ZX") && number(threads) <= 1,
		kernel: number(flags)&kernelThread != 0,
		start:  number(start),
	}, stat, nil
}

// readProc reads a file of a process into buf, which grows as needed. It does not
// use package os, which would register each file with the poller. That takes longer
// than the read.
func readProc(pid int, name string, buf []byte) ([]byte, error) {
	var fd int
	var err error
	for {
		fd, err = unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return buf[:0], os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	if cap(buf) == 0 {
		buf = make([]byte, 4096)
	}
	buf = buf[:cap(buf)]
	for n := 0; ; {
		read, err := unix.Read(fd, buf[n:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return buf[:0], os.NewSyscallError("read", err)
		case read == 0:
			return buf[:n], nil
		}
		if n += read; n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// isGone reports whether a read failed because the process has ended.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
