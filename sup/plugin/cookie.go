package plugin

import (
	"slices"
	"strings"
)

// cookieOf returns the entry of an environment that is the cookie of go-plugin,
// or "" if it has none. A host that is itself a plugin has one, under a name that
// only its own host knows: go-plugin puts it directly before these.
func cookieOf(env []string) string {
	const first = 1
	for i := first; i+len(afterCookie) <= len(env); i++ {
		if slices.EqualFunc(env[i:i+len(afterCookie)], afterCookie, strings.HasPrefix) {
			return env[i-1]
		}
	}
	return ""
}

var afterCookie = []string{"PLUGIN_MIN_PORT=", "PLUGIN_MAX_PORT=", "PLUGIN_PROTOCOL_VERSIONS="}

// withoutCookie removes the cookie of the host from the environment of its
// plugins: what a plugin starts must not take itself for a plugin of the host's
// host.
func withoutCookie(env, ofHost []string) []string {
	cookie := cookieOf(ofHost)
	return slices.DeleteFunc(env, func(entry string) bool { return cookie != "" && entry == cookie })
}
