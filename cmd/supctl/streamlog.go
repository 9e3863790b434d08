package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
)

// A streamLog is a log handler that prints a line when an event stream is interrupted
// and when it resumes.
type streamLog struct {
	w        io.Writer
	patience time.Duration
}

// Enabled reports whether level is Info or higher.
func (l *streamLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle prints a record.
func (l *streamLog) Handle(_ context.Context, r slog.Record) error {
	line := "supctl: " + r.Time.Format("15:04:05 ") + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			line += fmt.Sprintf(": %s; retrying for %v", err, l.patience)
		}
		return true
	})
	_, err := fmt.Fprintln(l.w, termtext.Line(line))
	return err
}

// WithAttrs returns l.
func (l *streamLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup returns l.
func (l *streamLog) WithGroup(string) slog.Handler { return l }
