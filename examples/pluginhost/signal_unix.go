//go:build unix

package main

import "syscall"

// hasChaos: processes can be stopped.
const hasChaos = true

// kill kills a process. That it has gone meanwhile is as good.
func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// stop keeps a process from doing anything, while it is there.
func stop(pid int) { _ = syscall.Kill(pid, syscall.SIGSTOP) }

// exists reports whether a process is there.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }
