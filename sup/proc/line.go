package proc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxLine is how many bytes of a line of output are looked at. Of a longer one
// the rest is left out, and Line.Cut says how much.
const MaxLine = 8 << 10

// Stream tells the two streams of output apart.
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

// A Line is a line of output. Those that are logged become records with the
// message "output" and the attributes path and incarnation (of the worker, if
// it is one), pid, stream, line and, if it is not 0, cut.
type Line struct {
	Stream Stream
	Text   string // without the end of the line; U+FFFD stands for what is not UTF-8
	Cut    int    // bytes left out, see [MaxLine]
}

// String returns the text, and how much of it was cut.
func (l Line) String() string {
	if l.Cut == 0 {
		return l.Text
	}
	return fmt.Sprintf("%s… (%d bytes more)", l.Text, l.Cut)
}

// splitter makes lines of what is written to it.
type splitter struct {
	stream Stream
	emit   func(Line)
	line   []byte // the last one, not yet ended
	cut    int
}

func (s *splitter) write(b []byte) {
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

func (s *splitter) add(b []byte) {
	fits := min(len(b), MaxLine-len(s.line))
	s.line = append(s.line, b[:fits]...)
	s.cut += len(b) - fits
}

func (s *splitter) endLine() {
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

// flush ends a last line that has no end.
func (s *splitter) flush() {
	if len(s.line) > 0 || s.cut > 0 {
		s.endLine()
	}
}

// wholeRunes is text without a rune at its end that was cut in two.
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

// tail keeps the last lines, and of those before them the one that says most.
type tail struct {
	mu   sync.Mutex
	ring []Line // grows up to its capacity
	next int    // where the next one goes, once it is full
	size int

	kept   Line // of the standard error
	weight weight
}

func newTail(size int) *tail {
	if size == 0 {
		size = DefaultTail
	}
	return &tail{size: size}
}

func (t *tail) add(line Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < t.size {
		t.ring = append(t.ring, line)
		return
	}
	if old := t.ring[t.next]; old.Stream == Stderr {
		if _, w := weigh(old); w != silent && w >= t.weight {
			t.kept, t.weight = old, w
		}
	}
	t.ring[t.next] = line
	t.next = (t.next + 1) % t.size
}

// lines returns them, oldest first. What was kept is among them if no later line
// says as much.
func (t *tail) lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := slices.Concat(t.ring[t.next:], t.ring[:t.next])
	if t.weight == silent || slices.ContainsFunc(last, func(l Line) bool { _, w := weigh(l); return w >= t.weight }) {
		return last
	}
	return slices.Insert(last, 0, t.kept)
}
