package suptest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// ReadScenarios reads the scenarios of a file. The error lists all faults, each
// with its line.
func ReadScenarios(r io.Reader) ([]*Scenario, error) {
	p := new(parser)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line++
		if err := p.take(strings.TrimSpace(lines.Text())); err != nil {
			p.faults = append(p.faults, fmt.Errorf("line %d%s: %w", p.line, columnOf(err, lines.Text()), err))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("suptest: reading scenarios: %w", err)
	}
	if len(p.all) == 0 && len(p.faults) == 0 {
		p.faults = append(p.faults, errors.New("no scenario: begin one with a line \"scenario NAME\""))
	}
	if len(p.faults) > 0 {
		return nil, fmt.Errorf("suptest: %w", errors.Join(p.faults...))
	}
	return p.all, nil
}

// A wordError is about a word of a line.
type wordError struct {
	word string
	err  error
}

func (e *wordError) Error() string { return e.word + ": " + e.err.Error() }
func (e *wordError) Unwrap() error { return e.err }

// columnOf returns ":" and the column, in bytes from 1, of the word that an error is
// about, or "" if it is about the whole line.
func columnOf(err error, line string) string {
	about, ok := errors.AsType[*wordError](err)
	if !ok {
		return ""
	}
	for at := range line {
		if rest := line[at:]; strings.HasPrefix(rest, about.word) && (at == 0 || strings.HasSuffix(line[:at], " ")) {
			return fmt.Sprintf(":%d", at+1)
		}
	}
	return ""
}

type parser struct {
	all      []*Scenario
	comments []string // since the last line that is none
	line     int
	faults   []error
}

func (p *parser) take(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "":
		p.comments = nil // above nothing
		return nil
	case "#":
		p.comments = append(p.comments, rest)
		return nil
	case "scenario":
		if rest == "" {
			return errors.New("a scenario without a name")
		}
		p.all = append(p.all, &Scenario{Name: rest, Comments: p.comments, root: &declared{kind: aSupervisor, intensity: sup.DefaultIntensity}})
		p.comments = nil
		return nil
	}
	if strings.HasPrefix(line, "#") {
		return nil
	}
	if len(p.all) == 0 {
		return fmt.Errorf("%q before any \"scenario NAME\"", line)
	}
	sc := p.all[len(p.all)-1]
	switch word {
	case "supervisor":
		return sc.root.parseRoot(strings.Fields(line))
	case "child":
		return sc.declare(strings.Fields(rest))
	case ">", ":":
		if len(sc.steps) == 0 {
			return errors.New("what comes of a command, before any")
		}
		last := &sc.steps[len(sc.steps)-1]
		if word == ":" {
			last.children = &rest
			return nil
		}
		for event := range strings.SplitSeq(rest, ", ") {
			if event = strings.TrimSpace(event); event == "" {
				return errors.New(`a trace with nothing in it: write "> WORD PATH, …", or leave the line out`)
			}
			last.trace = append(last.trace, event)
		}
		return nil
	}
	s, err := parseStep(line)
	s.comments, p.comments = p.comments, nil
	sc.perform(s)
	return err
}

// declare adds a child: "PATH RESTART …".
func (sc *Scenario) declare(words []string) error {
	if len(words) < 2 {
		return errors.New(`want "child PATH RESTART …"`)
	}
	up := sc.root.find(upOf(words[0]))
	switch {
	case up == nil || up.kind != aSupervisor:
		return fmt.Errorf("child %s: no supervisor %s is declared above", words[0], upOf(words[0]))
	case sc.root.find(words[0]) != nil:
		return fmt.Errorf("child %s is declared twice", words[0])
	}
	c, err := parseChild(words)
	if err != nil {
		return err
	}
	up.adopt(c)
	return nil
}

func parseChild(words []string) (*declared, error) {
	if !whole(words[0]) {
		return nil, fmt.Errorf("child %s: a part of the path is empty", words[0])
	}
	c := &declared{id: idOf(words[0])}
	restart, err := oneOf("restart policy", words[1], sup.Permanent, sup.Transient, sup.Temporary)
	if err == nil {
		c.restart = restart
		err = c.parse(words[2:])
	}
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		return nil, fmt.Errorf("child %s: %w", words[0], err)
	}
	return c, nil
}

func oneOf[T fmt.Stringer](what, name string, all ...T) (none T, err error) {
	names := make([]string, len(all))
	for i, one := range all {
		if names[i] = one.String(); names[i] == name {
			return one, nil
		}
	}
	return none, fmt.Errorf("%q is no %s: use %s", name, what, strings.Join(names, ", "))
}

// parseRoot reads the line of the root, which is a supervisor and nobody's child.
func (d *declared) parseRoot(words []string) error {
	root := &declared{}
	if err := root.parse(words); err != nil {
		return err
	}
	if plain := (&declared{kind: root.kind, strategy: root.strategy, intensity: root.intensity, auto: root.auto}); !reflect.DeepEqual(root, plain) || root.kind != aSupervisor {
		return errors.New(`want "supervisor STRATEGY INTENSITY" and "auto=…" at most: the root is no child, and no worker`)
	}
	d.strategy, d.intensity, d.auto = root.strategy, root.intensity, root.auto
	return nil
}

// settle finds words that mean nothing beside the others, and leaves out what is a
// default, as it is not written either.
func (d *declared) settle() error {
	b := &d.policy.Backoff
	switch {
	case d.size != 0 && !d.set():
		return errors.New("max and count are for a set: write keyed or replicas")
	case d.auto != sup.AutoShutdownNever && d.kind != aSupervisor:
		return errors.New("auto is for a supervisor")
	case b.Min == 0 && *b != sup.Backoff{}:
		return errors.New("a backoff begins with a time that is longer than 0, such as backoff=1s..1m; factor and reset need one")
	}
	if b.Factor == 2 {
		b.Factor = 0
	}
	if b.ResetAfter == b.Max {
		b.ResetAfter = 0
	}
	return nil
}

// parse reads the words that stand behind a restart policy.
func (d *declared) parse(words []string) (err error) {
	for len(words) > 0 && err == nil {
		word := words[0]
		words = words[1:]
		switch word {
		case "supervisor", "keyed", "replicas":
			if d.kind != aWorker {
				return fmt.Errorf("%s: it stands here already what this is", word)
			}
			d.kind = map[string]declaredKind{"supervisor": aSupervisor, "keyed": aKeyed, "replicas": aReplicas}[word]
			if d.kind == aSupervisor && len(words) > 0 {
				d.strategy, err = oneOf("strategy", words[0], sup.OneForOne, sup.OneForAll, sup.RestForOne)
				words = words[1:]
			}
			if err == nil && len(words) == 0 {
				err = fmt.Errorf("%s: the intensity is missing, such as 3/5s", word)
			}
			if err == nil {
				d.intensity, err = parseIntensity(words[0])
				words = words[1:]
			}
		case "each":
			if d.kind != aKeyed && d.kind != aReplicas {
				return errors.New("each: only a set has them; it stands behind keyed or replicas")
			}
			if len(words) == 0 {
				return errors.New("each: say what each is like, beginning with the restart policy")
			}
			each, err := parseChild(append([]string{"*"}, words...))
			d.children = []*declared{each}
			return err
		case "significant":
			d.significant = true
		case "deaf":
			d.faults.deaf = true
		case "badly":
			d.faults.badly = true
		default:
			err = d.parseOption(word)
		}
	}
	return err
}

// parseOption reads "NAME=VALUE".
func (d *declared) parseOption(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	times := map[string]*time.Duration{
		"timeout": &d.policy.StartTimeout, "reset": &d.policy.Backoff.ResetAfter, "slow": &d.faults.slow, "stop": &d.faults.stop,
	}
	switch name {
	case "timeout", "reset", "slow", "stop":
		*times[name], err = parseTime(value)
	case "auto":
		d.auto, err = oneOf("auto-shutdown", value, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	case "max", "count":
		if d.size, err = parseNumber(value); err == nil && (d.size < 0 || d.size > mostMembers) {
			err = fmt.Errorf("allowed are 0 to %d", mostMembers)
		}
	case "shutdown":
		switch value {
		case "infinity":
			d.policy.Shutdown = sup.Infinity
		case "brutal":
			d.policy.Shutdown = sup.Brutal
		default:
			d.policy.Shutdown, err = parseTime(value)
		}
	case "backoff":
		least, most, _ := strings.Cut(value, "..")
		if d.policy.Backoff.Min, err = parseTime(least); err == nil {
			d.policy.Backoff.Max, err = parseTime(most)
		}
	case "factor":
		factor := &d.policy.Backoff.Factor
		if *factor, err = strconv.ParseFloat(value, 64); err != nil || math.IsNaN(*factor) || math.IsInf(*factor, 0) {
			err = fmt.Errorf("%q is no number", value)
		}
	case "budget":
		d.policy.Budget, err = parseIntensity(value)
	case "stuck":
		d.policy.Stuck, err = oneOf("answer to a stuck child", value, sup.StuckAbandon, sup.StuckEscalate)
	case "fail":
		which, how, said := strings.Cut(value, ":")
		if !said {
			how = "error"
		}
		var a attempts
		a, err = parseAttempts(which)
		switch how {
		case "error", "start", "panic", "goexit":
		default:
			err = fmt.Errorf("%q is no way to fail: use error, start, panic or goexit", how)
		}
		d.faults.fails = append(d.faults.fails, failedStarts{a, how})
	case "hang":
		var a attempts
		a, err = parseAttempts(value)
		d.faults.hang = append(d.faults.hang, a)
	default:
		return fmt.Errorf("%q is not known here", word)
	}
	if err != nil {
		return &wordError{word, err}
	}
	return nil
}

// mostMembers is how many members a set of a scenario may have: each of them is a
// goroutine and a child that is watched.
const mostMembers = 100_000

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = errors.New("is negative")
	}
	return d, err
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", s)
	}
	return n, nil
}

func parseIntensity(s string) (i sup.Intensity, err error) {
	if s == "unlimited" {
		return sup.Unlimited, nil
	}
	n, within, _ := strings.Cut(s, "/")
	if i.Restarts, err = parseNumber(n); err == nil && i.Restarts < 0 {
		err = errors.New("the number of restarts is negative")
	}
	if err == nil {
		i.Within, err = parseTime(within)
	}
	if err != nil {
		return i, fmt.Errorf("%q is no intensity, such as 3/5s or unlimited: %w", s, err)
	}
	return i, nil
}

func parseAttempts(s string) (a attempts, err error) {
	from, to, _ := strings.Cut(s, "..")
	if a.from, err = parseNumber(from); err == nil {
		a.to, err = parseNumber(to)
	}
	if err != nil || a.from < 1 || a.to < a.from {
		return a, fmt.Errorf("%q are no attempts, such as 2..3", s)
	}
	return a, nil
}

// parseStep reads a command, and the answer behind its '='.
func parseStep(line string) (s step, err error) {
	line, s.answer, _ = strings.Cut(line, " = ")
	words := strings.Fields(line)
	s.verb = words[0]
	paths, known := commands[s.verb]
	switch {
	case !known:
		return s, fmt.Errorf("%q is no command", s.verb)
	case s.verb == "pass":
		if len(words) != 2 {
			return s, errors.New(`want "pass TIME"`)
		}
		s.time, err = parseTime(words[1])
		return s, err
	case s.verb == "add":
		if len(words) < 3 {
			return s, errors.New(`want "add PATH RESTART …"`)
		}
		s.path = words[1]
		s.add, err = parseChild(words[1:])
		return s, err
	case s.verb == "die":
		if len(words) != 3 {
			return s, errors.New(`want "die PATH HOW"`)
		}
		s.path, s.how = words[1], words[2]
		return s, nil
	}
	switch {
	case paths && len(words) != 2:
		return s, fmt.Errorf("want %q", s.verb+" PATH")
	case !paths && len(words) != 1:
		return s, fmt.Errorf("%s stands alone", s.verb)
	case paths:
		s.path = words[1]
	}
	return s, nil
}
