package proc

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// hostVariables are the variables that are meant for the host alone. A process that
// inherits them would act as the host: report to systemd that the host is ready or
// alive, take descriptors that it does not have, or speak another protocol than its
// host. This is the only list of them.
var hostVariables = []string{
	NotifyVariable,

	// From the service manager, see sd_notify(3), sd_watchdog_enabled(3) and
	// sd_listen_fds(3).
	socketVariable,
	"WATCHDOG_USEC",
	"WATCHDOG_PID",
	"LISTEN_FDS",
	"LISTEN_FDNAMES",
	listenPidVariable,
	"LISTEN_PIDFDID",

	// From the host of a host that is itself a plugin of HashiCorp's go-plugin.
	"PLUGIN_CLIENT_CERT",
	"PLUGIN_MAX_PORT",
	"PLUGIN_MIN_PORT",
	"PLUGIN_MULTIPLEX_GRPC",
	"PLUGIN_PROTOCOL_VERSIONS",
	"PLUGIN_UNIX_SOCKET_DIR",
	"PLUGIN_UNIX_SOCKET_GROUP",
}

// Environ returns the environment of a process whose Command has a nil Env.
//
// It is the environment of the host without the variables that are meant for the
// host alone: NOTIFY_FD; NOTIFY_SOCKET, WATCHDOG_* and LISTEN_* of systemd; and
// PLUGIN_* of go-plugin. The caller may append to it:
//
//	command.Env = append(proc.Environ(), "PORT=8080")
//
// Entries of Command.Env itself are passed on whatever their names are.
func Environ() []string { return withoutVariables(os.Environ(), hostVariables...) }

// Environ returns the environment that the command gives to its process: Env or, if
// Env is nil, [Environ] with HOME, USER and LOGNAME of User. It ignores a User that cannot
// be looked up, with which no process can be started.
func (c Command) Environ() []string {
	if c.Env != nil {
		return slices.Clone(c.Env)
	}
	var f faults
	if id := c.identity(&f); id != nil && len(f) == 0 {
		return id.environ(Environ())
	}
	return Environ()
}

// withoutVariables returns a copy of an environment without some variables.
func withoutVariables(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(names, func(other string) bool {
			// On Windows, the names of variables ignore case.
			return name == other || runtime.GOOS == "windows" && strings.EqualFold(name, other)
		})
	})
}
