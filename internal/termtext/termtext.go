// Package termtext makes text that other programs chose harmless for a terminal.
//
// A terminal obeys control characters of C0 and C1, ESC and DEL, and reorders
// text by the bidirectional controls of Unicode. So everything that
// [unicode.IsPrint] rejects is written as an escape, of a form that the reader of
// the text understands: [Text] and [Line] are for people, [Path] is for a path
// that can be typed again, and [JSON] is for programs.
package termtext

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// tab is what stands for a tab, which would move the cursor.
const tab = "    "

// Text returns text with escapes such as \x1b and \u202e in place of what is not
// to be printed. Line ends remain, and a tab becomes spaces.
func Text(text string) string {
	if isClean(text, '\n') {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1: // a byte that is no UTF-8
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(tab)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// Line is like [Text], and joins the lines that are not empty by " / ".
func Line(text string) string {
	return strings.Join(strings.FieldsFunc(Text(text), func(r rune) bool { return r == '\n' }), " / ")
}

// Path returns a path that can be typed. Each byte that is not to be printed is
// written % and two hexadecimal digits, as package sup writes control characters
// in an id.
func Path(path string) string {
	if isClean(path, ' ') {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteRune(r)
		} else {
			for _, c := range []byte(path[:size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		path = path[size:]
	}
	return b.String()
}

// JSON returns encoded JSON with \u escapes in place of what is not to be
// printed. It has the same value as before. What encoding/json escapes already,
// and white space between tokens, remain. JSON may return encoded itself.
func JSON(encoded []byte) []byte {
	at := bytes.IndexFunc(encoded, func(r rune) bool { return r == utf8.RuneError || isHiddenInJSON(r) })
	if at < 0 {
		return encoded
	}
	out := append(make([]byte, 0, len(encoded)+64), encoded[:at]...)
	for at < len(encoded) {
		r, size := utf8.DecodeRune(encoded[at:])
		switch {
		case r == utf8.RuneError && size == 1: // decoders read an invalid byte as this
			out = append(out, `\ufffd`...)
		case !isHiddenInJSON(r):
			out = append(out, encoded[at:at+size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		at += size
	}
	return out
}

// isHiddenInJSON reports whether a character is to be escaped. Valid JSON has
// those of C0 as white space between tokens only.
func isHiddenInJSON(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }

// isClean reports whether all of a text may be printed, with one more character.
func isClean(text string, more rune) bool {
	return utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return r != more && !unicode.IsPrint(r) }) < 0
}
