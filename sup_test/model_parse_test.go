package sup_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/sup"
)

// TestTheCasesThatFoundSomethingStayGood replays testdata/model.txt: what the
// random cases found, shrunken, on model and engine.
func TestTheCasesThatFoundSomethingStayGood(t *testing.T) {
	for _, text := range readCases(t, "testdata/model.txt") {
		sc, err := parseCase(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		t.Run(sc.name, func(t *testing.T) {
			m := newModel(sc.root)
			for _, cmd := range sc.commands {
				sc.want = append(sc.want, m.perform(cmd))
			}
			if m.silent != "" {
				t.Fatalf("the contract does not say: %s", m.silent)
			}
			if diff := cmp.Diff(text, sc.text()); diff != "" {
				t.Errorf("the file (-) and what the model says (+):\n%s", diff)
			}
			if diff := sc.run(t); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAScenarioReadsAsItWasWritten(t *testing.T) {
	set(t, "rapid.nofailfile", "true")
	rapid.Check(t, func(rt *rapid.T) {
		sc := drawCase(rt)
		read, err := parseCase(sc.text())
		if err != nil {
			rt.Fatal(err)
		}
		m := newModel(read.root)
		for _, cmd := range read.commands {
			read.want = append(read.want, m.perform(cmd))
		}
		if diff := cmp.Diff(sc.text(), read.text()); diff != "" {
			rt.Fatalf("written (-) and read (+):\n%s", diff)
		}
	})
}

// readCases returns the scenarios of a file, without comments.
func readCases(t *testing.T, file string) (cases []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		switch {
		case strings.HasPrefix(line, "#") || line == "\n":
		case strings.HasPrefix(line, "scenario "):
			cases = append(cases, line)
		default:
			cases[len(cases)-1] += line
		}
	}
	return cases
}

// parseCase reads what text prints. The events behind '>' are for the reader;
// the model says what they are.
func parseCase(text string) (*modelCase, error) {
	sc := &modelCase{root: &branch{kind: aSupervisor}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		var err error
		switch f[0] {
		case "scenario":
			sc.name = strings.Join(f[1:], " ")
		case ">":
		case "supervisor":
			err = parseWords(sc.root, f)
		case "child":
			path := f[1]
			c := &branch{}
			if err = parseChildWords(c, f[1:]); err == nil {
				up := sc.root.find(parentOf(path))
				up.children = append(up.children, c)
			}
		case "below": // the last that was added
			c := &branch{}
			if err = parseChildWords(c, f[1:]); err == nil {
				added := sc.commands[len(sc.commands)-1]
				path := strings.TrimPrefix(parentOf(f[1]), join(added.path, added.spec.id))
				up := added.spec.find(strings.TrimPrefix(path, "/"))
				up.children = append(up.children, c)
			}
		case "pass":
			cmd := command{verb: f[0]}
			cmd.time, err = time.ParseDuration(f[1])
			sc.commands = append(sc.commands, cmd)
		case "add":
			c := &branch{}
			err = parseChildWords(c, f[1:])
			sc.commands = append(sc.commands, command{verb: f[0], path: parentOf(f[1]), spec: c})
		default:
			f = append(f, "", "")
			sc.commands = append(sc.commands, command{verb: f[0], path: f[1], arg: f[2]})
		}
		if err != nil {
			return sc, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return sc, nil
}

// parseChildWords reads "PATH RESTART WORD…".
func parseChildWords(c *branch, f []string) error {
	c.id = f[0][strings.LastIndexByte(f[0], '/')+1:]
	restart, err := named(f[1], sup.Permanent, sup.Transient, sup.Temporary)
	if err != nil {
		return err
	}
	c.restart = restart
	return parseWords(c, f[2:])
}

func named[T fmt.Stringer](name string, all ...T) (none T, err error) {
	for _, one := range all {
		if one.String() == name {
			return one, nil
		}
	}
	return none, fmt.Errorf("%q is none of %v", name, all)
}

func parseWords(b *branch, f []string) (err error) {
	for len(f) > 0 && err == nil {
		word := f[0]
		f = f[1:]
		switch word {
		case "supervisor":
			b.kind = aSupervisor
			if b.strategy, err = named(f[0], sup.OneForOne, sup.OneForAll, sup.RestForOne); err != nil {
				return err
			}
			b.intensity, err = parseIntensity(f[1])
			f = f[2:]
		case "keyed", "replicas":
			b.kind = aKeyed
			if word == "replicas" {
				b.kind = aReplicas
			}
			b.intensity, err = parseIntensity(f[0])
			f = f[1:]
		case "each":
			each := &branch{}
			b.children = []*branch{each}
			return parseChildWords(each, append([]string{"*"}, f...))
		case "significant":
			b.significant = true
		case "deaf":
			b.manner.deaf = true
		case "mute":
			b.manner.mute = true
		case "badly":
			b.manner.badly = true
		default:
			err = parseOption(b, word)
		}
	}
	return err
}

func parseOption(b *branch, word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	duration := func(into *time.Duration) { *into, err = time.ParseDuration(value) }
	switch name {
	case "auto":
		b.auto, err = named(value, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	case "max", "count":
		_, err = fmt.Sscan(value, &b.size)
	case "shutdown":
		switch value {
		case "infinity":
			b.shutdown = sup.Infinity
		case "brutal":
			b.shutdown = sup.Brutal
		default:
			duration(&b.shutdown)
		}
	case "timeout":
		duration(&b.startTimeout)
	case "backoff":
		least, most, _ := strings.Cut(value, "..")
		if b.backoff.Min, err = time.ParseDuration(least); err == nil {
			b.backoff.Max, err = time.ParseDuration(most)
		}
	case "reset":
		duration(&b.backoff.ResetAfter)
	case "budget":
		b.budget, err = parseIntensity(value)
	case "stuck":
		b.stuck, err = named(value, sup.StuckAbandon, sup.StuckEscalate)
	case "fail":
		var which string
		which, b.manner.failHow, _ = strings.Cut(value, ":")
		b.manner.fail, err = parseAttempts(which)
	case "hang":
		b.manner.hang, err = parseAttempts(value)
	case "ignore":
		b.manner.ignore, err = parseAttempts(value)
	case "hold":
		b.manner.hold, err = parseAttempts(value)
	case "slow":
		duration(&b.manner.slow)
	case "stop":
		duration(&b.manner.stop)
	default:
		return fmt.Errorf("no such word: %s", word)
	}
	return err
}

func parseIntensity(s string) (i sup.Intensity, err error) {
	if s == "unlimited" {
		return sup.Unlimited, nil
	}
	n, within, _ := strings.Cut(s, "/")
	if _, err = fmt.Sscan(n, &i.Restarts); err != nil {
		return i, err
	}
	i.Within, err = time.ParseDuration(within)
	return i, err
}

func parseAttempts(s string) (a attempts, err error) {
	_, err = fmt.Sscanf(s, "%d..%d", &a.from, &a.to)
	return a, err
}
