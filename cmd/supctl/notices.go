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
type notices struct {
	to       io.Writer
	patience time.Duration
}

func (n *notices) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (n *notices) Handle(_ context.Context, r slog.Record) error {
	line := "supctl: " + r.Time.Format("15:04:05 ") + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			line += fmt.Sprintf(": %s; trying again for %v", prefix.Cut(err), n.patience)
		}
		return true
	})
	_, err := fmt.Fprintln(n.to, termtext.Line(line))
	return err
}

func (n *notices) WithAttrs([]slog.Attr) slog.Handler { return n }
func (n *notices) WithGroup(string) slog.Handler      { return n }
