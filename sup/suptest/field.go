package suptest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A path in a scenario is a field: what is blank in an id, and a comma, is
// written %XX there, as a slash is in all paths.

// fieldOf makes a field of a path.
func fieldOf(path string) string {
	apart := func(r rune) bool {
		return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}
	if !strings.ContainsFunc(path, apart) {
		return path
	}
	var b strings.Builder
	for i, r := range path {
		if !apart(r) {
			b.WriteRune(r)
			continue
		}
		n := len(string(r))
		if r == unicode.ReplacementChar && !strings.HasPrefix(path[i:], string(r)) {
			n = 1 // a byte that is no UTF-8
		}
		for _, c := range []byte(path[i : i+n]) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// pathOf undoes fieldOf.
func pathOf(field string) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '%' && i+2 < len(field) {
			code := field[i+1 : i+3]
			if c, err := strconv.ParseUint(code, 16, 8); err == nil && code != "2F" && code != "25" {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

// idField is the field of an id.
func idField(id string) string {
	return fieldOf(strings.NewReplacer("%", "%25", "/", "%2F").Replace(id))
}

// idOfField undoes idField.
func idOfField(field string) string {
	return strings.NewReplacer("%2F", "/", "%25", "%").Replace(pathOf(field))
}

// whole reports that no part of a path is empty.
func whole(path string) bool {
	return path != "" && !strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "//")
}
