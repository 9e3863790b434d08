package sup

import (
	"fmt"
	"strings"
)

// ChildPath returns the path of a child, given the path of its supervisor and its
// id. Slashes, percent signs and control characters in the id are escaped, as in %2F,
// %25 and %0A.
func ChildPath(path, id string) string { return joinPath(path, id) }

// joinPath escapes the id, since the key of a set may hold anything: a path can be
// split at its slashes and is always one line.
func joinPath(path, id string) string { return path + "/" + escapeID(id) }

func escapeID(id string) string {
	for i := range len(id) {
		if c := id[i]; c == '/' || c == '%' || isControl(c) {
			return escaper.Replace(id)
		}
	}
	return id
}

// unescapeID undoes escapeID.
func unescapeID(segment string) string { return unescaper.Replace(segment) }

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

var escaper, unescaper = func() (there, back *strings.Replacer) {
	var to, from []string
	for c := range byte(0x80) {
		if c == '/' || c == '%' || isControl(c) {
			plain, escaped := string(rune(c)), fmt.Sprintf("%%%02X", c)
			to, from = append(to, plain, escaped), append(from, escaped, plain)
		}
	}
	return strings.NewReplacer(to...), strings.NewReplacer(from...)
}()

// isWithin reports whether at is path or lies below it.
func isWithin(at, path string) bool {
	rest, is := strings.CutPrefix(at, path)
	return is && (rest == "" || rest[0] == '/')
}
