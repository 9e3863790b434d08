package proc

import (
	"os"

	"golang.org/x/sys/unix"
)

func mayChangeUser() bool   { return hasCapability(unix.CAP_SETUID) }
func mayChangeGroups() bool { return hasCapability(unix.CAP_SETGID) }

// hasCapability reports whether the host has one of the first 32 capabilities.
func hasCapability(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return os.Geteuid() == 0
	}
	return sets[0].Effective&(1<<capability) != 0
}
