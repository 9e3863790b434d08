// Package logline parses the lines that other programs log.
package logline

import (
	"encoding/json"
	"log/slog"
	"strings"
)

// Parse returns the level and the message of a log line, or false for any other line.
//
// A log line is a JSON object, such as that of go-hclog or slog, or a text with the
// level in brackets, before which only a time may stand. An error attribute is
// appended to the message.
func Parse(line string) (level slog.Level, message string, ok bool) {
	if strings.HasPrefix(line, "{") {
		return parseJSON(line)
	}
	before, rest, found := strings.Cut(line, "[")
	if !found || strings.Trim(before, "0123456789/:.,+-TZ ") != "" {
		return 0, "", false
	}
	name, message, found := strings.Cut(rest, "]")
	if !found {
		return 0, "", false
	}
	level, ok = Level(strings.TrimSpace(name))
	return level, strings.TrimSpace(message), ok
}

func parseJSON(line string) (level slog.Level, message string, ok bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return 0, "", false
	}
	name := first(fields, "@level", "level")
	message = first(fields, "@message", "msg", "message")
	if level, ok = Level(name); !ok || message == "" {
		return 0, "", false
	}
	if cause := first(fields, "error", "err"); cause != "" {
		message += ": " + cause
	}
	return level, message, true
}

// first returns the first of some fields that is a text and not empty.
func first(fields map[string]any, names ...string) string {
	for _, name := range names {
		if text, _ := fields[name].(string); text != "" {
			return text
		}
	}
	return ""
}

// Level returns the level with a name that loggers use. Case does not matter.
func Level(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "trace":
		return slog.LevelDebug - 4, true
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "err", "error":
		return slog.LevelError, true
	}
	return 0, false
}
