package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

// A path in a scenario is a field, which is one word and has no comma. In paths of
// package sup slashes in ids and control characters are written %XX already; a
// field writes commas, blanks and characters that are not printable so as well.

// Field makes a field of a path.
func Field(path string) string {
	escaped := func(r rune) bool {
		return r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	}
	if !strings.ContainsFunc(path, escaped) {
		return path
	}
	var b strings.Builder
	for i, r := range path {
		if !escaped(r) {
			b.WriteRune(r)
			continue
		}
		n := len(string(r))
		if r == unicode.ReplacementChar && !strings.HasPrefix(path[i:], string(r)) {
			n = 1 // a byte that is not UTF-8
		}
		for _, c := range []byte(path[i : i+n]) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// PathOf returns the path that a field was made of. What package sup escapes stays
// escaped.
func PathOf(field string) string {
	return decode(field, func(c byte) bool { return c == ' ' || c == ',' || c >= 0x80 })
}

// IDField makes a field of an id.
func IDField(id string) string { return Field(strings.TrimPrefix(sup.ChildPath("", id), "/")) }

// IDOf returns the id that a field was made of.
func IDOf(field string) string { return decode(field, func(byte) bool { return true }) }

// decode replaces each %XX whose byte fits.
func decode(field string, fits func(c byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '%' && i+2 < len(field) {
			if c, err := strconv.ParseUint(field[i+1:i+3], 16, 8); err == nil && fits(byte(c)) {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

// Complete reports whether a path has parts and none of them is empty.
func Complete(path string) bool {
	return path != "" && !strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "//")
}

// Parent returns the path of the supervisor of a child, "" for the root.
func Parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// Last returns the last part of a path: the id of a child, as a field.
func Last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Join returns the path of a child of the supervisor at a path.
func Join(path, id string) string {
	if path == "" {
		return id
	}
	return path + "/" + id
}
