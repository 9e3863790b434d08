package plugin

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/logline"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/proc"
)

// decoder is a handler of the records of a process's output: a line in the JSON
// of go-hclog, which go-plugin and what is written for it log with, becomes a
// record of its own, with the attributes of the process, and those of the line in
// a group.
type decoder struct {
	slog.Handler
}

// decoding returns a logger that passes records on decoded.
func decoding(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		logger = slog.Default()
	}
	return slog.New(decoder{logger.Handler()})
}

// Enabled lets all pass: the level of a line is in the line.
func (d decoder) Enabled(context.Context, slog.Level) bool { return true }

func (d decoder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return decoder{d.Handler.WithAttrs(attrs)}
}
func (d decoder) WithGroup(name string) slog.Handler { return decoder{d.Handler.WithGroup(name)} }

// Handle decodes a record if its line can be.
func (d decoder) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key != "line":
			shown.AddAttrs(a)
		case !decode(&shown, a.Value.String()):
			shown.AddAttrs(slog.String("line", termtext.Line(a.Value.String())))
		}
		return true
	})
	if !d.Handler.Enabled(ctx, shown.Level) {
		return nil
	}
	return d.Handler.Handle(ctx, shown)
}

// levels is a rule for the level of lines, for which a handshake is of no
// interest. A line that says its own level has that where rule is nil: go-plugin
// writes so what its logger is not for, such as that it has stopped to accept.
func levels(rule func(proc.Line) slog.Level) func(proc.Line) slog.Level {
	return func(line proc.Line) slog.Level {
		switch {
		case line.Stream == proc.Stdout && plausible(line.Text):
			return slog.LevelDebug
		case rule != nil:
			return rule(line)
		}
		if level, _, ok := logline.Parse(line.Text); ok {
			return level
		}
		if line.Stream == proc.Stderr {
			return slog.LevelWarn
		}
		return slog.LevelInfo
	}
}

// pluginGroup is the group of the attributes that a plugin gives to a record of
// its own. The others are the host's.
const pluginGroup = "plugin"

// decode makes a record of a line of go-hclog, and reports false if it is none.
// Level and message of the record are the plugin's. Its attributes get a group of
// their own: it must not say anything in the name of the host.
func decode(r *slog.Record, line string) bool {
	if !strings.HasPrefix(line, "{") {
		return false
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return false
	}
	r.Message = termtext.Line(message)
	if level, ok := fields["@level"].(string); ok {
		if known, ok := logline.Level(level); ok {
			r.Level = known
		}
	}
	var attrs []any
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(key, "@") || key == "@module" {
			attrs = append(attrs, slog.Any(termtext.Line(strings.TrimPrefix(key, "@")), printableValue(fields[key])))
		}
	}
	if attrs != nil {
		r.AddAttrs(slog.Group(pluginGroup, attrs...))
	}
	return true
}

// printableValue returns a JSON value with all its texts escaped for a log handler,
// which may write to a terminal.
func printableValue(value any) any {
	switch v := value.(type) {
	case string:
		return termtext.Line(v)
	case []any:
		for i := range v {
			v[i] = printableValue(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, value := range v {
			clean[termtext.Line(key)] = printableValue(value)
		}
		return clean
	}
	return value
}
