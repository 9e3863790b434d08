package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// command returns a command that runs the program with the built plugins.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"-plugins", originals}, args...)...)
	cmd.Env = append(os.Environ(), "PLUGINHOST_IS_THE_PROGRAM=1")
	return cmd
}

func TestTheProgramVerifiesItselfUnderChaos(t *testing.T) {
	out, err := command(t, "-chaos", "-verify", "-plain", "-timeout", "1m", "-control", "auto", "-dir", corpus(t, 10)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{
		"\nsupctl: go run ./cmd/supctl -a unix:",
		"\nchaos harms plugins on purpose; ",
		"93 of 93 files converted in ",
		shortTar + " ends its plugin: panic: runtime error: index out of range",
		" was quarantined: ", // because of the corrupt binary, or of kills before
		"installed the corrupt binary text again",
		"verified: 93 files, each with one result, equal to that of a loop without plugins\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
}

func TestTheProgramReportsAllFaultsOfItsFlags(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"-replicas", "0", "-timeout", "10ms", "-dir", none, "more"}, []string{
			`arguments ["more"]: only flags are accepted: use -dir for the directory`,
			"-replicas 0: use 1 to 100", "-timeout 10ms: use 1s or more", "-dir: stat " + none}},
		{[]string{"-dir", file}, []string{"-dir " + file + ": not a directory"}},
		{[]string{"-dir", t.TempDir(), "-plugins", t.TempDir()}, []string{"text: no such file", "archive: no such file"}},
		{[]string{"-dir", t.TempDir()}, []string{": no files to convert"}},
		{[]string{"-dir", t.TempDir(), "-debug", "nowhere"}, []string{"host/page: start: listen tcp: address nowhere"}},
		{[]string{"-dir", t.TempDir(), "-control", "nowhere"}, []string{"host/control: start: "}},
		{[]string{"-dir", t.TempDir(), "-log", none + "/log"}, []string{"log: no such file or directory"}},
	} {
		out, err := command(t, test.args...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
			t.Errorf("%q: error %v, want exit status 1", test.args, err)
		}
		for _, want := range test.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%q: no %q in the output:\n%s", test.args, want, out)
			}
		}
	}
}

// begun starts the program and waits for a line of its standard error that matches. It
// returns the match and the lines after it.
func begun(t *testing.T, cmd *exec.Cmd, first string) (*bufio.Scanner, []string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(first)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if match := pattern.FindStringSubmatch(lines.Text()); match != nil {
			return lines, match
		}
	}
	t.Fatalf("no line that matches %q: %v", first, cmd.Wait())
	return nil, nil
}

func TestAnInterruptEndsTheProgramWithAPartialSummary(t *testing.T) {
	cmd := command(t, "-chaos", "-verify", "-timeout", "30s", "-dir", corpus(t, 30))
	var out strings.Builder
	cmd.Stdout = &out
	lines, _ := begun(t, cmd, "chaos: ")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var last string
	for lines.Scan() {
		last = lines.Text()
	}
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("error %v, want exit status 1", err)
	}
	if want := "pluginhost: interrupt signal received"; last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
	if strings.Contains(out.String(), "verified") {
		t.Errorf("a partial result is verified:\n%s", &out)
	}
}

func TestTheHostServesTheDebugPageAndSupctl(t *testing.T) {
	log, socket := filepath.Join(t.TempDir(), "log"), "unix:"+filepath.Join(t.TempDir(), "control")
	cmd := command(t, "-timeout", "30s", "-dir", slowCorpus(t), "-debug", "localhost:0", "-control", socket, "-log", log)
	lines, match := begun(t, cmd, `debug page: (http://.*)$`)
	answer, err := http.Get(match[1] + "tree.txt")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.Contains(string(tree), "├── walk") && !strings.Contains(string(tree), "└── walk") {
		t.Errorf("%v: no walk in\n%s", err, tree)
	}
	client, err := remote.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	target := sup.Target{Path: "host/text/0"}
	if err := client.RestartChild(t.Context(), target); !errors.Is(err, sup.ErrRunning) {
		t.Errorf("error %v, want %v", err, sup.ErrRunning)
	}
	if err := client.TerminateChild(t.Context(), target); err != nil {
		t.Error(err)
	}
	if err := client.RestartChild(t.Context(), target); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait() // it was interrupted
	logged, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(logged), "path=host/text/0") || !strings.Contains(string(logged), "msg=serving") {
		t.Errorf("%v: no record of the supervisors or of the plugins in the log:\n%s", err, logged)
	}
}
