// Package prefix is for errors that stand in the text of another.
package prefix

import (
	"strings"

	"github.com/espalier-go/espalier/internal/foreign"
)

// ours begin the errors of the packages of this module, and stand once, at the
// surface.
var ours = []string{"sup: ", "proc: ", "plugin: ", "mailbox: ", "remote: ", "flight: ", "kv: "}

// Cut is the text of an error without the prefixes of packages of this module
// that it begins with.
func Cut(err error) string {
	text := foreign.ErrorText(err)
	for i := 0; i < len(ours); i++ {
		if rest, found := strings.CutPrefix(text, ours[i]); found {
			text, i = rest, -1
		}
	}
	return text
}
