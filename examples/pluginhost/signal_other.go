//go:build !unix

package main

// hasChaos is whether the system can stop a process by a signal.
const hasChaos = false

func kill(int)        {}
func stop(int)        {}
func exists(int) bool { return false }
