//go:build unix && !linux

package proc

import "os"

func mayChangeUser() bool   { return os.Geteuid() == 0 }
func mayChangeGroups() bool { return os.Geteuid() == 0 }
