package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

// hostile has control characters of each kind, and characters that reorder text.
const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028"

// startHostile starts a tree with a child whose id and error try to control the
// terminal of an operator.
func startHostile(t *testing.T) (address string) {
	t.Helper()
	keyed := sup.NewKeyed(sup.KeyedSpec[string, sup.Worker]{
		Name: "keyed", Backoff: sup.Backoff{Min: time.Hour},
		Start: func(_ context.Context, key string) (sup.Worker, error) { return sayer(key), nil },
	})
	if err := keyed.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keyed.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := keyed.StartChild(t.Context(), hostile); err != nil {
		t.Fatal(err)
	}
	for failed, err := range sup.Inspect(keyed).Events(t.Context(), "", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if failed.Kind == sup.ChildExited {
			break
		}
	}
	address = "unix:" + t.TempDir() + "/control.sock"
	t.Cleanup(serve(t, keyed, address))
	return address
}

// sayer is a worker that fails at once with its text.
type sayer string

func (f sayer) Run(context.Context) error { return errors.New(string(f)) }

func TestOutputIsSafeForTerminals(t *testing.T) {
	address := startHostile(t)
	path := sup.ChildPath("keyed", hostile)
	for _, c := range []struct {
		line []string
		code int
	}{
		{[]string{"tree"}, exitDone},
		{[]string{"children"}, exitDone},
		{[]string{"status", path}, exitDone},
		{[]string{"status", "--check"}, exitDegraded},
		{[]string{"events"}, exitDone},
		{[]string{"events", path}, exitDone},
		{[]string{"stacks", path}, exitDone},
		{[]string{"record"}, exitDone},
		{[]string{"start", "keyed", hostile}, exitRefused},
		{[]string{"status", path + hostile}, exitNotFound},
		{[]string{"tree", hostile}, exitNotFound},
		{[]string{hostile}, exitUsage},
		{[]string{"tree", "-o", hostile}, exitUsage},
		{[]string{"__complete", "status", ""}, exitDone},
		{[]string{"__complete", "status", "keyed/"}, exitDone},
	} {
		for _, format := range []string{"text", "json"} {
			args := append([]string{"-a", address, "-o", format}, c.line...)
			if strings.HasPrefix(c.line[0], "__") {
				args = append([]string{c.line[0], "-a", address}, c.line[1:]...)
			}
			out, errs := supctl(t, c.code, args...)
			for _, said := range []string{out, errs} {
				at := strings.IndexFunc(said, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
				if at >= 0 {
					t.Errorf("supctl %q -o %s prints %q:\n%q", c.line, format, said[at], said)
				}
			}
		}
	}
}

func TestEscapedJSONKeepsItsValues(t *testing.T) {
	address := startHostile(t)
	out, _ := supctl(t, exitDone, "-a", address, "-o", "json", "children")
	var children []sup.ChildInfo
	if err := json.Unmarshal([]byte(out), &children); err != nil {
		t.Fatal(err)
	}
	if len(children) != 1 || children[0].ID != hostile || children[0].LastExit.Err.Error() != hostile {
		t.Errorf("children %+v", children)
	}
}

func TestCompletedPathsAreAccepted(t *testing.T) {
	address := startHostile(t)
	out, _ := supctl(t, exitDone, "__complete", "-a", address, "status", "keyed/%1B")
	path, _, _ := strings.Cut(out, "\t")
	if !strings.HasPrefix(path, "keyed/%1B") {
		t.Fatalf("offered: %q", out)
	}
	supctl(t, exitDone, "-a", address, "status", path)
}
