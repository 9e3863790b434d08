package proc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// processStat is what /proc says of a process.
type processStat struct {
	pid, parent, group, session int

	ended bool   // and was not reaped yet
	start uint64 // in clock ticks since the start of the system
}

// listProcesses returns all processes that /proc shows. The error is that of the
// list, when the host has run out of descriptors say. A process that ends while
// the list is made may be missing.
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
	var all []processStat
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, err := readProcess(pid)
		switch {
		case err == nil:
			all = append(all, p)
		case !isGone(err):
			return nil, err
		}
	}
	return all, nil
}

// readProcess returns what /proc says of one process. See proc_pid_stat(5).
func readProcess(pid int) (processStat, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return processStat{}, err
	}
	// The name of the program stands in parentheses, and may have any bytes.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, parent, group, session, start = 0, 1, 2, 3, 19
	if len(fields) <= start {
		return processStat{}, os.ErrNotExist
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
		ended:   bytes.ContainsAny(fields[state], "ZX"),
		start:   number(start),
	}, nil
}
