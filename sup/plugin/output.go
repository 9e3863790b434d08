package plugin

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/logline"
	"github.com/espalier-go/espalier/sup/proc"
)

// decoder is a handler of the records of a process's output: a line in the JSON
// of go-hclog, which go-plugin and what is written for it log with, becomes a
// record of its own, with the attributes of the process.
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
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "line" {
			return true
		}
		if line, ok := decode(r, a.Value.String()); ok {
			r = line
		}
		return false
	})
	if !d.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return d.Handler.Handle(ctx, r)
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

// decode makes a record of a line of go-hclog, and reports false if it is none.
func decode(r slog.Record, line string) (slog.Record, bool) {
	if !strings.HasPrefix(line, "{") {
		return r, false
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return r, false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return r, false
	}
	decoded := slog.NewRecord(r.Time, r.Level, message, r.PC)
	if level, ok := fields["@level"].(string); ok {
		if known, ok := logline.Level(level); ok {
			decoded.Level = known
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(key, "@") || key == "@module" {
			decoded.AddAttrs(slog.Any(strings.TrimPrefix(key, "@"), fields[key]))
		}
	}
	return decoded, true
}
