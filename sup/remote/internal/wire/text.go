package wire

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Messages hold only valid UTF-8, but an id may be any string. A path has "%" and two
// hexadecimal digits for each invalid byte. That is unambiguous, since package sup
// escapes only characters below utf8.RuneSelf. An invalid id is sent as bytes too.

// EncodePath encodes a path of package sup.
func EncodePath(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if r == utf8.RuneError && size == 1 {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{path[0]})))
		} else {
			b.WriteString(path[:size])
		}
		path = path[size:]
	}
	return b.String()
}

// DecodePath reverses EncodePath.
func DecodePath(text string) string {
	at := strings.IndexByte(text, '%')
	if at < 0 {
		return text
	}
	var b strings.Builder
	for ; at >= 0; at = strings.IndexByte(text, '%') {
		b.WriteString(text[:at])
		text = text[at:]
		if len(text) >= 3 {
			if raw, err := hex.DecodeString(text[1:3]); err == nil && raw[0] >= utf8.RuneSelf {
				b.WriteByte(raw[0])
				text = text[3:]
				continue
			}
		}
		b.WriteByte('%')
		text = text[1:]
	}
	b.WriteString(text)
	return b.String()
}

// EncodeID encodes an id or a key as text, and also as bytes if it is not valid UTF-8.
func EncodeID(id string) (text string, raw []byte) {
	if utf8.ValidString(id) {
		return id, nil
	}
	return ValidText(id), []byte(id)
}

// DecodeID reverses EncodeID.
func DecodeID(text string, raw []byte) string {
	if len(raw) > 0 {
		return string(raw)
	}
	return text
}

// ValidText replaces invalid UTF-8.
func ValidText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
