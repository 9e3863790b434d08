package logline_test

import (
	"log/slog"
	"testing"

	"github.com/espalier-go/espalier/internal/logline"
)

func TestParseReturnsLevelAndMessage(t *testing.T) {
	for _, tt := range []struct {
		line    string
		level   slog.Level
		message string
		ok      bool
	}{
		{`{"@level":"debug","@message":"plugin address","address":"/tmp/x"}`, slog.LevelDebug, "plugin address", true},
		{`{"@level":"error","@message":"plugin init error","error":"listen unix: no"}`, slog.LevelError, "plugin init error: listen unix: no", true},
		{`{"time":"2026-11-23T18:00:00Z","level":"WARN","msg":"low paper"}`, slog.LevelWarn, "low paper", true},
		{`{"level":"info","message":"up"}`, slog.LevelInfo, "up", true},
		{`2026/11/23 18:00:00 [DEBUG] plugin: accept unix: closed`, slog.LevelDebug, "plugin: accept unix: closed", true},
		{`2026-11-23T18:00:00.123+0100 [INFO]  words: up`, slog.LevelInfo, "words: up", true},
		{`[TRACE] deep`, slog.LevelDebug - 4, "deep", true},
		{`{"level":30,"msg":"a level that is a number"}`, 0, "", false},
		{`{"level":"info"}`, 0, "", false},
		{`{"level":"info","msg":"cut o`, 0, "", false},
		{`[paper] is low`, 0, "", false},
		{`a text with [DEBUG] inside`, 0, "", false},
		{`[DEBUG`, 0, "", false},
		{``, 0, "", false},
	} {
		level, message, ok := logline.Parse(tt.line)
		if ok != tt.ok || ok && (level != tt.level || message != tt.message) {
			t.Errorf("%s: %v, %q, %v", tt.line, level, message, ok)
		}
	}
}
