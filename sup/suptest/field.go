package suptest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

// A path in a scenario is a field: what is blank in an id or not to be printed, and a
// comma, is written %XX there, as a slash and control characters are in all paths.

// fieldOf makes a field of a path.
func fieldOf(path string) string {
	apart := func(r rune) bool {
		return r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
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

// pathOf undoes fieldOf: what is escaped in all paths stays so.
func pathOf(field string) string {
	return decode(field, func(c byte) bool { return c == ' ' || c == ',' || c >= 0x80 })
}

// idField is the field of an id.
func idField(id string) string { return fieldOf(strings.TrimPrefix(sup.ChildPath("", id), "/")) }

// idOfField undoes idField.
func idOfField(field string) string { return decode(field, func(byte) bool { return true }) }

// decode undoes what is written %XX, of some bytes.
func decode(field string, of func(c byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '%' && i+2 < len(field) {
			if c, err := strconv.ParseUint(field[i+1:i+3], 16, 8); err == nil && of(byte(c)) {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

// whole reports that no part of a path is empty.
func whole(path string) bool {
	return path != "" && !strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "//")
}
