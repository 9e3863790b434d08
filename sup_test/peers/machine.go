package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine describes the machine that the table was made on.
func machine() string {
	return fmt.Sprintf("%s, %s/%s, %d CPUs (%s), %s of memory; load before the run %s",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		fieldOf("/proc/cpuinfo", "model name", "of unknown model"),
		fieldOf("/proc/meminfo", "MemTotal", "an unknown amount"), load())
}

// fieldOf returns the value of the first "name: value" line of a Linux proc
// file.
func fieldOf(path, name, otherwise string) string {
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}

func load() string {
	content, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(content)); len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
