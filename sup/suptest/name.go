package suptest

import (
	"iter"
	"strings"
)

// names returns the names of the child at a path: the path and each end of it,
// longest first.
func names(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			if !yield(path) {
				return
			}
			_, path, more = strings.Cut(path, "/")
		}
	}
}

// matches reports whether a name is one of those of the child at a path.
func matches(name, path string) bool {
	for n := range names(path) {
		if n == name {
			return true
		}
	}
	return false
}

// settingOf returns the setting for the longest name of the child at a path.
func settingOf[V any](settings map[string]V, path string) (name string, v V, ok bool) {
	for name := range names(path) {
		if v, ok := settings[name]; ok {
			return name, v, true
		}
	}
	return "", v, false
}
