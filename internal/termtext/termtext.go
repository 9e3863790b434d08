// Package termtext escapes text from other programs, so that it is safe to print to a
// terminal.
//
// Control characters (C0, C1, ESC, DEL) control a terminal, and the bidirectional
// controls of Unicode reorder text. This package escapes all characters that
// [unicode.IsPrint] rejects. The form depends on the reader: [Text] and [Line] are for
// people, [Path] is for paths that can be typed again, and [JSON] is for programs.
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

// tab replaces a tab, which would move the cursor.
const tab = "    "

// Text returns text with escapes such as \x1b and \u202e for characters that cannot be
// printed. It keeps line ends, and replaces tabs by spaces.
func Text(text string) string {
	if isClean(text, '\n') {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1: // invalid UTF-8
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

// Line is like [Text], but joins the non-empty lines with " / ".
func Line(text string) string {
	return strings.Join(strings.FieldsFunc(Text(text), func(r rune) bool { return r == '\n' }), " / ")
}

// Path returns a path that can be typed. It replaces each byte of a character that
// cannot be printed by % and two hexadecimal digits, like package sup does in ids.
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

// JSON returns encoded JSON with \u escapes for characters that cannot be printed. The
// value is unchanged, except that invalid UTF-8 becomes U+FFFD, as in decoders. White
// space between tokens remains. JSON may return encoded itself.
func JSON(encoded []byte) []byte {
	at := bytes.IndexFunc(encoded, func(r rune) bool { return r == utf8.RuneError || isHiddenInJSON(r) })
	if at < 0 {
		return encoded
	}
	out := append(make([]byte, 0, len(encoded)+64), encoded[:at]...)
	for at < len(encoded) {
		r, size := utf8.DecodeRune(encoded[at:])
		switch {
		case r == utf8.RuneError && size == 1: // decoders decode an invalid byte as U+FFFD
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

// isHiddenInJSON reports whether JSON must escape a character. Valid JSON has unescaped
// C0 characters only as white space between tokens.
func isHiddenInJSON(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }

// isClean reports whether a text has only printable characters and more.
func isClean(text string, more rune) bool {
	return utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return r != more && !unicode.IsPrint(r) }) < 0
}
