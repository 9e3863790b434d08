package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/internal/termtext"
)

// notices tells who reads a stream of events what its client logs: a line when
// it is cut, and a line when it goes on.
type streamLog struct {
	w        io.Writer
	patience time.Duration
}

func (n *streamLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (n *streamLog) Handle(_ context.Context, r slog.Record) error {
	line := "supctl: " + r.Time.Format("15:04:05 ") + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			line += fmt.Sprintf(": %s; trying again for %v", prefix.Cut(err), n.patience)
		}
		return true
	})
	_, err := fmt.Fprintln(n.w, termtext.Line(line))
	return err
}

func (n *streamLog) WithAttrs([]slog.Attr) slog.Handler { return n }
func (n *streamLog) WithGroup(string) slog.Handler      { return n }
