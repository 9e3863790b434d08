package gen

import (
	"strconv"
	"unicode/utf8"
)

// text is a piece of source after unquoting, with the offset of each byte in the file.
type text struct {
	s  string
	at []int // offset of each byte, and of the end
}

func (t text) slice(i, j int) text { return text{t.s[i:j], t.at[i : j+1]} }

// trim removes spaces from both ends.
func (t text) trim() text {
	i, j := 0, len(t.s)
	for i < j && isSpace(t.s[i]) {
		i++
	}
	for j > i && isSpace(t.s[j-1]) {
		j--
	}
	return t.slice(i, j)
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// cut splits around the first occurrence of a byte.
func (t text) cut(sep byte) (before, after text, found bool) {
	for i := range len(t.s) {
		if t.s[i] == sep {
			return t.slice(0, i), t.slice(i+1, len(t.s)), true
		}
	}
	return t, text{}, false
}

// literal returns the unquoted string literal at an offset of the file.
func literal(src []byte, offset int) (text, bool) {
	end := offset + 1
	for ; end < len(src) && src[end] != src[offset]; end++ {
		if src[end] == '\\' && src[offset] == '"' {
			end++
		}
	}
	if end >= len(src) {
		return text{}, false
	}
	t := text{s: string(src[offset : end+1])}
	for i := offset; i <= end+1; i++ {
		t.at = append(t.at, i)
	}
	return t.unquote()
}

// unquote returns the value of a quoted string.
func (t text) unquote() (text, bool) {
	if len(t.s) < 2 || t.s[0] != t.s[len(t.s)-1] {
		return text{}, false
	}
	quote, body := t.s[0], t.slice(1, len(t.s)-1)
	var out text
	var decoded []byte
	for len(body.s) > 0 {
		var b []byte
		rest := body.s[1:]
		switch {
		case quote == '`' && body.s[0] == '\r':
		case quote == '`' || body.s[0] != '\\':
			b = append(b, body.s[0])
		default:
			value, multibyte, tail, err := strconv.UnquoteChar(body.s, quote)
			if err != nil {
				return text{}, false
			}
			rest = tail
			if multibyte {
				b = utf8.AppendRune(b, value)
			} else {
				b = append(b, byte(value))
			}
		}
		decoded = append(decoded, b...)
		for range b {
			out.at = append(out.at, body.at[0])
		}
		body = body.slice(len(body.s)-len(rest), len(body.s))
	}
	out.s, out.at = string(decoded), append(out.at, body.at[0])
	return out, true
}
