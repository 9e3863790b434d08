package proc

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLine is the maximum length of an output line in bytes. A longer line is
// truncated, and Line.Cut is the number of bytes left out.
const MaxLine = 8 << 10

// Stream is one of the two output streams.
type Stream uint8

const (
	// Stdout is the standard output.
	Stdout Stream = iota
	// Stderr is the standard error.
	Stderr
)

// String returns "stdout" or "stderr".
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return fmt.Sprintf("proc.Stream(%d)", uint8(s))
}

// A Line is a line of output.
//
// A logged line becomes a record with the message "output" and the attributes path
// and incarnation (of a worker), pid, stream, line and, if not 0, cut.
type Line struct {
	Stream Stream
	Text   string // without the line ending; U+FFFD replaces invalid UTF-8
	Cut    int    // number of bytes left out, see [MaxLine]
}

// String returns the text, and the number of bytes left out.
func (l Line) String() string {
	if l.Cut == 0 {
		return l.Text
	}
	return fmt.Sprintf("%s… (%d bytes more)", l.Text, l.Cut)
}

// lineSplitter splits a stream into lines.
type lineSplitter struct {
	stream Stream
	emit   func(Line)
	line   []byte // the incomplete line at the end
	cut    int    // bytes of it that are left out
}

func (s *lineSplitter) write(b []byte) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			s.add(b)
			return
		}
		s.add(b[:i])
		s.endLine()
		b = b[i+1:]
	}
}

func (s *lineSplitter) add(b []byte) {
	fits := min(len(b), MaxLine-len(s.line))
	s.line = append(s.line, b[:fits]...)
	s.cut += len(b) - fits
}

func (s *lineSplitter) endLine() {
	text := s.line
	if s.cut > 0 {
		whole := wholeRunes(text)
		s.cut += len(text) - len(whole)
		text = whole
	} else {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	s.emit(Line{s.stream, strings.ToValidUTF8(string(text), "\uFFFD"), s.cut})
	s.line, s.cut = s.line[:0], 0
}

// flush emits an incomplete line at the end of the stream.
func (s *lineSplitter) flush() {
	if len(s.line) > 0 || s.cut > 0 {
		s.endLine()
	}
}

// wholeRunes returns text without a truncated rune at its end.
func wholeRunes(text []byte) []byte {
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if start := len(text) - back; utf8.RuneStart(text[start]) {
			if !utf8.FullRune(text[start:]) {
				return text[:start]
			}
			break
		}
	}
	return text
}
