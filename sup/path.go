package sup

import (
	"fmt"
	"strings"
)

// ChildPath returns the path of a child of the supervisor at a path, such as
// [SupervisorInfo].Path: where a [ChildInfo] stands in the tree says no more than
// its id. In an id a slash, a percent sign and control characters are written
// %2F, %25, %0A.
func ChildPath(path, id string) string { return joinPath(path, id) }

// joinPath puts the id of a child behind the path of its supervisor. A slash
// within the id is written %2F, so that a path can be taken apart again, and a
// control character %0A, say, so that a path is one line: the key of a set may
// hold one.
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

// isWithin reports whether something is at a path or below it.
func isWithin(at, path string) bool {
	rest, is := strings.CutPrefix(at, path)
	return is && (rest == "" || rest[0] == '/')
}
