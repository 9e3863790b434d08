package scenario

import (
	"strings"
	"testing"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

func TestAFieldOfAHostilePathIsReadBack(t *testing.T) {
	const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\U000e0041"
	path := sup.ChildPath("hall\u202e", hostile)
	field := Field(path)
	if strings.ContainsFunc(field, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q is not printable", field)
	}
	if back := PathOf(field); back != path {
		t.Errorf("%q reads as %q, not %q", field, back, path)
	}
}
