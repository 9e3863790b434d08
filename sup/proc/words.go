package proc

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/espalier-go/espalier/internal/logline"
)

// LastWords is the line among the last ones of a process, oldest first, that is
// likely to say why it ended, or "": the last line that begins a panic or a
// fatal error of Go, else the last of the standard error, else of the standard
// output. Blank lines do not count, nor those of a log, in JSON or with the level
// in brackets, that are below the level INFO; of others in a log's JSON it is the
// message.
func LastWords(lines []Line) string {
	var words string
	most := silent
	for _, line := range lines {
		if text, w := weigh(line); w != silent && w >= most {
			words, most = text, w
		}
	}
	return words
}

// lastWords is how they end the text of an error.
func lastWords(lines []Line) string {
	words := LastWords(lines)
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", words)
}

// weight is how likely a line says why a process ended.
type weight uint8

const (
	silent weight = iota
	spoken        // on the standard output
	complained
	crashed // the first line of what Go's runtime prints
)

// weigh returns what a line says, too.
func weigh(line Line) (string, weight) {
	text := strings.TrimSpace(line.Text)
	switch {
	case text == "":
		return "", silent
	case line.Stream == Stdout:
	case strings.HasPrefix(line.Text, "panic: "), strings.HasPrefix(line.Text, "fatal error: "): // one that is indented is a later one's
		return text, crashed
	}
	if level, message, ok := logline.Parse(text); ok {
		if level < slog.LevelInfo {
			return "", silent
		}
		text = message
	}
	if line.Stream == Stderr {
		return text, complained
	}
	return text, spoken
}
