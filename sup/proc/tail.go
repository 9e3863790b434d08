package proc

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/espalier-go/espalier/internal/logline"
)

// tail keeps the last lines of a process, and the most relevant one of the earlier
// lines.
type tail struct {
	mu   sync.Mutex // guards all fields
	ring []Line     // grows up to size
	next int        // index of the oldest line once the ring is full
	size int

	kept      Line // an earlier line of the standard error
	relevance relevance
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
	if oldest := t.ring[t.next]; oldest.Stream == Stderr {
		if _, r := classify(oldest); r != irrelevant && r >= t.relevance {
			t.kept, t.relevance = oldest, r
		}
	}
	t.ring[t.next] = line
	t.next = (t.next + 1) % t.size
}

// lines returns the lines, oldest first. The kept line is included unless a later
// line is as relevant.
func (t *tail) lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := slices.Concat(t.ring[t.next:], t.ring[:t.next])
	if t.relevance == irrelevant || slices.ContainsFunc(last, func(l Line) bool { _, r := classify(l); return r >= t.relevance }) {
		return last
	}
	return slices.Insert(last, 0, t.kept)
}

// LastOutput returns the text of the output line that most likely says why a
// process ended, or "". lines are its last lines, oldest first.
//
// This is the last line that begins a panic or a fatal error of Go, else the last
// line of the standard error, else the last line of the standard output. Blank lines
// do not count, nor do log lines below the level INFO, in JSON or with the level in
// brackets. Of a log line in JSON, LastOutput returns the message.
func LastOutput(lines []Line) string {
	var output string
	most := irrelevant
	for _, line := range lines {
		if text, r := classify(line); r != irrelevant && r >= most {
			output, most = text, r
		}
	}
	return output
}

// outputText is the part of an error text that quotes the LastOutput.
func outputText(lines []Line) string {
	output := LastOutput(lines)
	if output == "" {
		return ""
	}
	return fmt.Sprintf("; last output: %q", output)
}

// relevance is how likely it is that a line says why a process ended.
type relevance uint8

const (
	irrelevant relevance = iota
	fromStdout
	fromStderr
	fromPanic // the first line that Go's runtime prints
)

// classify returns the relevance of a line, and the text that matters.
func classify(line Line) (string, relevance) {
	text := strings.TrimSpace(line.Text)
	switch {
	case text == "":
		return "", irrelevant
	case line.Stream == Stdout:
	case strings.HasPrefix(line.Text, "panic: "), strings.HasPrefix(line.Text, "fatal error: "): // an indented one belongs to an earlier panic
		return text, fromPanic
	}
	if level, message, ok := logline.Parse(text); ok {
		if level < slog.LevelInfo {
			return "", irrelevant
		}
		text = message
	}
	if line.Stream == Stderr {
		return text, fromStderr
	}
	return text, fromStdout
}
