package gen

import (
	"bytes"
	"slices"
	"strconv"
)

// header scans the import declarations at the beginning of a Go file. Most files have
// no tree, and so need not be parsed or read to the end.
type header struct {
	src   []byte
	at    int
	whole bool // src is the whole file
	short bool // src ended before the imports
}

// imports reports whether a file that begins with src imports a package. The result is
// not certain if src ends before the imports. If the imports cannot be read, as in a
// file with merge conflicts, found means that the file contains the path anywhere. The
// parser then reports the error.
func imports(src []byte, whole bool, path string) (found, certain bool) {
	h := &header{src: bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), whole: whole}
	if h.word() != "package" || h.word() == "" {
		return h.unreadable(path)
	}
	next := h.word()
	for ; next == "import"; next = h.word() {
		block := h.take('(')
		for once := !block; once || block && !h.take(')'); once = false {
			switch h.spec() {
			case path:
				return true, true
			case "":
				return h.unreadable(path)
			}
		}
	}
	if h.at < len(h.src) && !slices.Contains(declarations, next) {
		return h.unreadable(path)
	}
	return false, !h.short
}

// declarations are the keywords that may follow the imports.
var declarations = []string{"const", "func", "type", "var"}

// unreadable is the result of imports for a file whose imports cannot be read.
func (h *header) unreadable(path string) (found, certain bool) {
	return h.whole && bytes.Contains(h.src, []byte(path)), h.whole
}

// spec reads an import spec and returns its path, or "".
func (h *header) spec() string {
	if !h.take('.') {
		h.word()
	}
	h.space()
	if h.at >= len(h.src) {
		return ""
	}
	quote := h.src[h.at]
	if quote != '"' && quote != '`' {
		return ""
	}
	for end := h.at + 1; end < len(h.src); end++ {
		switch {
		case h.src[end] == quote:
			lit := string(h.src[h.at : end+1])
			h.at = end + 1
			path, err := strconv.Unquote(lit)
			if err != nil {
				return ""
			}
			return path
		case h.src[end] == '\\' && quote == '"':
			end++
		}
	}
	h.run(len(h.src))
	return ""
}

// word reads an identifier or keyword, and returns "" if there is none.
func (h *header) word() string {
	h.space()
	start := h.at
	for h.at < len(h.src) && isWord(h.src[h.at]) {
		h.at++
	}
	if h.at == len(h.src) {
		h.run(h.at)
	}
	return string(h.src[start:h.at])
}

func isWord(b byte) bool {
	return b == '_' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b >= 0x80
}

func (h *header) take(b byte) bool {
	h.space()
	if h.at < len(h.src) && h.src[h.at] == b {
		h.at++
		return true
	}
	return false
}

// space skips white space, semicolons and comments.
func (h *header) space() {
	for h.at < len(h.src) {
		rest := h.src[h.at:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n' || rest[0] == ';':
			h.at++
		case rest[0] == '/' && len(rest) == 1:
			h.run(len(h.src))
		case rest[0] == '/' && rest[1] == '/':
			h.skip(rest, "\n")
		case rest[0] == '/' && rest[1] == '*':
			h.skip(rest[2:], "*/")
		default:
			return
		}
	}
	h.run(h.at)
}

func (h *header) skip(rest []byte, end string) {
	if i := bytes.Index(rest, []byte(end)); i >= 0 {
		h.at = len(h.src) - len(rest) + i + len(end)
		return
	}
	h.run(len(h.src))
}

// run moves to an offset at which src ends.
func (h *header) run(to int) {
	h.at = to
	h.short = !h.whole
}
