//go:build unix

package plugin_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/sup/proc"
)

// records keeps the output of its loggers.
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
			if a.Key == slog.TimeKey || a.Key == "pid" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func TestOutputIsLoggedWithPathAndIncarnation(t *testing.T) {
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
				`level=WARN msg="low paper" path=host/words incarnation=1 stream=stderr plugin.n=7`,
			} {
				eventually(t, want, func() bool { return strings.Contains(log.String(), want) })
			}
		})
	}
}

func TestALineOfHclogSetsTheLevelOfItsRecord(t *testing.T) {
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
		t.Errorf("the warning is logged too:\n%s", &log)
	}
}

// go-plugin writes some lines with package log, and a level in brackets.
func TestALineWithALevelInBracketsHasThatLevel(t *testing.T) {
	var log records
	spec := specOf(t, "grpc")
	spec.Command.Stderr = proc.Logged
	spec.Command.Logger = log.logger(slog.LevelDebug)
	if _, err := start(t, spec).tell(t.Context(), "mutter plugin server: accept"); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`level=(\w+) msg=output .*\[DEBUG\] plugin server: accept`)
	eventually(t, "the line is logged", func() bool { return line.MatchString(log.String()) })
	if level := line.FindStringSubmatch(log.String())[1]; level != "DEBUG" {
		t.Errorf("level %s", level)
	}
}

func TestAPluginCannotSetAnAttributeOfTheHost(t *testing.T) {
	var log records
	spec := specOf(t, "grpc")
	spec.Command.Stderr = proc.Logged
	spec.Command.Logger = slog.New(slog.NewJSONHandler(&log, nil)).With("who", "host")
	h := start(t, spec)
	for _, order := range []string{
		`raw {"@message":"in\nvain","@level":"warn","time":"now","level":"AUDIT","msg":"granted","path":"root","who":"admin","pid":1,"stream":"none","plugin":{"who":"\u001b[2J"}}`,
		"raw red \x1b[31m and \u202e back",
	} {
		if _, err := h.tell(t.Context(), order); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both lines are logged", func() bool { return strings.Contains(log.String(), "back") })
	for _, line := range strings.Split(log.String(), "\n") {
		var got map[string]any
		if !strings.Contains(line, "vain") && !strings.Contains(line, "back") || json.Unmarshal([]byte(line), &got) != nil {
			continue
		}
		if got["who"] != "host" || got["path"] != "host/words" || got["stream"] != "stderr" || got["level"] != "WARN" || got["time"] == "now" {
			t.Errorf("an attribute of the host was set: %s", line)
		}
		for _, key := range []string{"time", "level", "msg", "path", "who", "pid", "stream"} {
			if n := strings.Count(line[:cmp.Or(max(strings.Index(line, `"plugin":{`), 0), len(line))], `"`+key+`":`); n != 1 {
				t.Errorf("%s occurs %d times: %s", key, n, line)
			}
		}
		if strings.ContainsAny(fmt.Sprint(got), "\n\x1b\u202e") {
			t.Errorf("control characters in %q", fmt.Sprint(got))
		}
	}
}
