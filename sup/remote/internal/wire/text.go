package wire

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Messages hold valid UTF-8 only, and an id is any string. So in a path the
// bytes that do not fit stand as "%" and two hex digits, which nothing else
// does: package sup writes %25 and %2F, and both are less than utf8.RuneSelf.
// An id is given as bytes where it does not fit.

// Path writes a path of package sup.
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

// ReadPath reads what Path has written.
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

// ID writes an id or a key: as text to be read, and as bytes if the text does
// not say it all.
func EncodeID(id string) (text string, raw []byte) {
	if utf8.ValidString(id) {
		return id, nil
	}
	return ValidText(id), []byte(id)
}

// ReadID reads what ID has written.
func DecodeID(text string, raw []byte) string {
	if len(raw) > 0 {
		return string(raw)
	}
	return text
}

// Text makes any text fit.
func ValidText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
