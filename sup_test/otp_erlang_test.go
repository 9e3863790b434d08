package sup_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// errNoErlang is returned when Erlang is not installed.
var errNoErlang = errors.New("escript not found; on Debian: apt-get install erlang-base")

// abreast is the number of scenarios that Erlang runs concurrently. Most of them wait.
const abreast = 1000

// askErlang runs scenarios on Erlang's supervisor, all in one virtual machine, and sets
// their steps.
func askErlang(t *testing.T, all []*otpCase) error {
	t.Helper()
	escript, err := exec.LookPath("escript")
	if err != nil {
		return errNoErlang
	}
	file := filepath.Join(t.TempDir(), "scenarios")
	var terms bytes.Buffer
	for _, sc := range all {
		terms.WriteString(sc.term())
	}
	if err := os.WriteFile(file, terms.Bytes(), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(t.Context(), escript, "testdata/otp.escript", file, fmt.Sprint(abreast))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("escript: %w\n%s%s", err, stderr.String(), out)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	next := func() string { lines.Scan(); return lines.Text() }
	for _, sc := range all {
		if line := next(); line != "scenario "+sc.name {
			return fmt.Errorf("scenario %s: unexpected output of Erlang: %s\n%s", sc.name, line, sc.modelCase.text())
		}
		sc.steps = make([]step, len(sc.commands))
		for i := range sc.steps {
			sc.steps[i] = step{
				answer:   strings.TrimPrefix(next(), "= "),
				trace:    parseTrace(strings.Split(strings.TrimPrefix(next(), "> "), ", ")),
				children: parseChildren(strings.TrimPrefix(next(), ": ")),
			}
		}
	}
	return lines.Err()
}

// erlang returns the release of Erlang that is installed.
func erlang() string {
	release, err := exec.Command("erl", "-noshell", "-eval",
		`io:format("~s", [erlang:system_info(otp_release)]), halt().`).Output()
	if err != nil {
		return "(unknown release)"
	}
	return string(release)
}

// term formats a scenario for the escript: {scenario, Name, Windows, {Flags, Children},
// Commands}.
func (sc *otpCase) term() string {
	commands := make([]string, len(sc.commands))
	m := newModel(sc.root)
	for i, cmd := range sc.commands {
		commands[i] = cmd.term(sc.root)
		if held := m.held(); held != nil && cmd.verb == "die" && held.up != m.find(scenario.Parent(cmd.path)) {
			commands[i] = strings.Replace(commands[i], "die", "die_beside", 1)
		}
		m.performAll(cmd)
	}
	return fmt.Sprintf("{scenario, %q, %v, {%s, %s}, [%s]}.\n", sc.name, short(sc.root),
		flagsTerm(sc.root), childrenTerm(sc.root), strings.Join(commands, ", "))
}

func flagsTerm(b *branch) string {
	strategy := b.Strategy.String()
	if b.IsSet() {
		strategy = "simple_one_for_one"
	}
	within := bound(b.Intensity)
	return fmt.Sprintf("#{strategy => %s, intensity => %d, period => %d, auto_shutdown => %v}",
		strategy, within.Restarts, within.Within/time.Second, b.AutoShutdown)
}

func childrenTerm(b *branch) string {
	children := make([]string, len(b.Children))
	for i, c := range b.Children {
		children[i] = childTerm(c)
	}
	return "[" + strings.Join(children, ", ") + "]"
}

func childTerm(b *branch) string {
	common := fmt.Sprintf("#{restart => %v, significant => %v, shutdown => %s}", b.Restart, b.Significant, shutdownTerm(b))
	fail := failure(b)
	how := fmt.Sprintf("#{fail => %s, how => '%s', ignore => %s, hold => %s, stop => %s}",
		attemptsTerm(fail.Attempts), fail.How, attemptsTerm(b.Faults.Ignore), attemptsTerm(b.Faults.Hold), stopTerm(b))
	switch {
	case b.Kind != aWorker:
		return fmt.Sprintf("{supervisor, %q, %s, %s, %s}", b.ID, common, flagsTerm(b), childrenTerm(b))
	case b.ID == "*":
		return fmt.Sprintf("{member, %s, %s}", common, how)
	}
	return fmt.Sprintf("{worker, %q, %s, %s}", b.ID, common, how)
}

func shutdownTerm(b *branch) string {
	switch p := patience(b); p {
	case sup.Infinity:
		return "infinity"
	case sup.Brutal:
		return "brutal_kill"
	default:
		return fmt.Sprint(p.Milliseconds())
	}
}

func stopTerm(b *branch) string {
	switch how := b.Faults; {
	case how.IgnoresStop:
		return "held"
	case how.Mute:
		return "killed"
	case how.Badly:
		return "badly"
	}
	return "good"
}

func attemptsTerm(a attempts) string { return fmt.Sprintf("{%d, %d}", a.From, a.To) }

func (c command) term(root *branch) string {
	switch c.verb {
	case "start", "stop":
		return c.verb
	case "pass":
		return fmt.Sprintf("{pass, %d}", c.time.Milliseconds())
	case "die":
		return fmt.Sprintf("{die, %q, %s}", c.path, c.arg)
	case "both":
		return fmt.Sprintf("{both, %q, %q}", c.path, scenario.Join(scenario.Parent(c.path), c.arg))
	case "let":
		return fmt.Sprintf("{let_go, %q}", c.path)
	case "add":
		if up := root.Find(c.path); up != nil && up.IsSet() || c.spec.ID[0] == 'k' {
			return fmt.Sprintf("{add_member, %q}", scenario.Join(c.path, c.spec.ID))
		}
		return fmt.Sprintf("{add, %q, %s}", c.path, childTerm(c.spec))
	}
	return fmt.Sprintf("{%s, %q}", c.verb, c.path)
}
