//go:build unix

package plugin_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/sup/proc"
)

// records is a logger that keeps what it is told.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func (r *records) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "pid" || a.Key == "timestamp" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func TestWhatAPluginPrintsIsLoggedWithPathAndIncarnation(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			var log records
			spec := specOf(t, wire)
			spec.Command.Stdout, spec.Command.Stderr = proc.Logged, proc.Logged
			spec.Command.Logger = log.logger(slog.LevelInfo)
			h := start(t, spec)
			for _, order := range []string{"print to stdout", "log low paper"} {
				if _, err := h.tell(t.Context(), order); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{
				`level=INFO msg=output path=host/words incarnation=1 stream=stdout line="to stdout"`,
				`level=WARN msg="low paper" path=host/words incarnation=1 n=7`,
			} {
				eventually(t, want, func() bool { return strings.Contains(log.String(), want) })
			}
		})
	}
}

func TestTheLevelOfALineIsThatOfItsRecord(t *testing.T) {
	var log records
	spec := specOf(t, "grpc")
	spec.Command.Stderr = proc.Logged
	spec.Command.Logger = log.logger(slog.LevelError)
	h := start(t, spec)
	for _, order := range []string{"log low paper", "error no paper"} {
		if _, err := h.tell(t.Context(), order); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the error is logged", func() bool { return strings.Contains(log.String(), "no paper") })
	if strings.Contains(log.String(), "low paper") {
		t.Errorf("the warning is logged too: %s", &log)
	}
}

// go-plugin writes some lines with the package log, and a level in brackets.
func TestALineThatSaysItsLevelHasIt(t *testing.T) {
	var log records
	spec := specOf(t, "grpc")
	spec.Command.Stderr = proc.Logged
	spec.Command.Logger = log.logger(slog.LevelDebug)
	if _, err := start(t, spec).tell(t.Context(), "mutter plugin server: accept"); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`level=(\w+) msg=output .*\[DEBUG\] plugin server: accept`)
	eventually(t, "it is logged", func() bool { return line.MatchString(log.String()) })
	if level := line.FindStringSubmatch(log.String())[1]; level != "DEBUG" {
		t.Errorf("its level is %s", level)
	}
}
