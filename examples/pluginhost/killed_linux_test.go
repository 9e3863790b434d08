package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/internal/patience"
)

func TestPluginsEndWithAHostThatIsKilled(t *testing.T) {
	temp, err := os.MkdirTemp("", "k") // short enough for the paths of sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	cmd := command(t, "-timeout", "30s", "-dir", slowCorpus(t))
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	begun(t, cmd, "converting ")
	const plugins = 8
	patience.Until(t, "all plugins run", func() bool { return len(runningBelow(temp)) >= plugins })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if left := leaks.AwaitNone(func() string { return strings.Join(runningBelow(temp), " ") }); left != "" {
		t.Errorf("running after their host: %s", left)
	}

	next := command(t, "-plain", "-dir", corpus(t, 1))
	next.Env = append(next.Env, "TMPDIR="+temp)
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if left := leaks.Files(temp); left != "" {
		t.Errorf("left after the next host: %s", left)
	}
}

// runningBelow returns the running executables below a directory.
func runningBelow(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	var running []string
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && strings.HasPrefix(exe, dir) {
			running = append(running, exe)
		}
	}
	return running
}
