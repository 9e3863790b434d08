//go:build unix

package main

import "syscall"

// hasChaos is whether the system can stop a process by a signal.
const hasChaos = true

// kill kills a process. It has no effect if the process has ended.
func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// stop stops a process, which then hangs.
func stop(pid int) { _ = syscall.Kill(pid, syscall.SIGSTOP) }

// exists reports whether a process exists.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }
