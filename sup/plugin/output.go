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

// recordHandler is a handler for the output of a process. It turns a line in the JSON
// format of go-hclog, which go-plugin uses, into a record of its own. This has the
// attributes of the process, and those of the line in a group.
type recordHandler struct {
	slog.Handler
}

// decodingLogger returns a logger that passes records to logger through a
// recordHandler.
func decodingLogger(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		logger = slog.Default()
	}
	return slog.New(recordHandler{logger.Handler()})
}

// Enabled returns true, because the level of a record may be in its line. Handle checks
// the level.
func (h recordHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h recordHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return recordHandler{h.Handler.WithAttrs(attrs)}
}

func (h recordHandler) WithGroup(name string) slog.Handler {
	return recordHandler{h.Handler.WithGroup(name)}
}

// Handle decodes the line of a record and passes the record on.
func (h recordHandler) Handle(ctx context.Context, r slog.Record) error {
	decoded := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key != "line":
			decoded.AddAttrs(a)
		case !decodeLine(&decoded, a.Value.String()):
			decoded.AddAttrs(slog.String("line", termtext.Line(a.Value.String())))
		}
		return true
	})
	if !h.Handler.Enabled(ctx, decoded.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, decoded)
}

// levelRule returns the rule for the level of a line that is not decoded. A handshake
// has the level DEBUG. If rule is nil, a line with a level in brackets has that level,
// because go-plugin writes some of its messages so.
func levelRule(rule func(proc.Line) slog.Level) func(proc.Line) slog.Level {
	return func(line proc.Line) slog.Level {
		switch {
		case line.Stream == proc.Stdout && isHandshake(line.Text):
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

// pluginGroup is the group for the attributes of a plugin, which must not be able to set
// an attribute of the host.
const pluginGroup = "plugin"

// decodeLine sets the level and the message of a record from a line of go-hclog, and
// adds its attributes. It returns false for any other line.
func decodeLine(r *slog.Record, line string) bool {
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
			attrs = append(attrs, slog.Any(termtext.Line(strings.TrimPrefix(key, "@")), escapeValue(fields[key])))
		}
	}
	if attrs != nil {
		r.AddAttrs(slog.Group(pluginGroup, attrs...))
	}
	return true
}

// escapeValue escapes all texts in a decoded value of JSON, because a handler may write
// them to a terminal, or write one line for each record.
func escapeValue(value any) any {
	switch v := value.(type) {
	case string:
		return termtext.Line(v)
	case []any:
		for i := range v {
			v[i] = escapeValue(v[i])
		}
	case map[string]any:
		escaped := make(map[string]any, len(v))
		for key, value := range v {
			escaped[termtext.Line(key)] = escapeValue(value)
		}
		return escaped
	}
	return value
}
