package gen

import (
	"bytes"
	"slices"
	"strconv"
)

// header reads the import declarations at the beginning of a Go file, so that
// files without a tree, which are nearly all, need not be parsed, nor even read
// to the end.
type header struct {
	src   []byte
	at    int
	whole bool // src is all of the file
	short bool // src ended before the imports did
}

// imports reports whether a file that begins with src imports a package, and
// whether that is certain. It is not if src ends before the imports do. A file
// whose imports cannot be read, as after a merge with conflicts, imports what
// it mentions anywhere, so that the parser gets to say what is wrong with it.
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

// declarations are the words that can follow the imports.
var declarations = []string{"const", "func", "type", "var"}

// unreadable is imports for a file whose imports cannot be read.
func (h *header) unreadable(path string) (found, certain bool) {
	return h.whole && bytes.Contains(h.src, []byte(path)), h.whole
}

// spec reads an import specification and returns its path, or "".
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

// word reads an identifier, if there is one.
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

// run goes to a place at the end of what there is.
func (h *header) run(to int) {
	h.at = to
	h.short = !h.whole
}
