package suptest

import (
	"iter"
	"strings"
)

// names returns what a child may be called: its path, and every end of that,
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

// fits reports whether a name is one of a path.
func fits(name, path string) bool {
	for n := range names(path) {
		if n == name {
			return true
		}
	}
	return false
}

// settingOf returns what is set for a path, by the longest name of it.
func settingOf[V any](settings map[string]V, path string) (name string, v V, ok bool) {
	for name := range names(path) {
		if v, ok := settings[name]; ok {
			return name, v, true
		}
	}
	return "", v, false
}
