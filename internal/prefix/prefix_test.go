package prefix_test

import (
	"errors"
	"testing"

	"github.com/espalier-go/espalier/internal/prefix"
)

func TestAPrefixOfThisModuleIsCutAtTheBeginningOnly(t *testing.T) {
	for text, want := range map[string]string{
		"proc: sh: exit code 3":       "sh: exit code 3",
		"proc: sup: shutdown":         "shutdown",
		"sup: proc: kv: no":           "no",
		"sup:":                        "sup:",
		"backup: no room":             "backup: no room",
		"open: sup: there is no file": "open: sup: there is no file",
		"panic: no ink":               "panic: no ink",
		"":                            "",
	} {
		if got := prefix.Cut(errors.New(text)); got != want {
			t.Errorf("%q, not %q, of %q", got, want, text)
		}
	}
}
