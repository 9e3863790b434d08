package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// Read reads the scenarios of a file. The error lists all faults of the text, each
// with its line, and its column if one word is at fault.
func Read(r io.Reader) ([]*Scenario, error) { return read(r, false) }

// ReadExtended is Read with the words of Erlang's traces: the verbs both and let,
// and ignore, hold and mute of a worker. Its starts may also fail as "exhausted".
// For the errors that package sup makes of them, a child may be declared twice, and
// the path of a call left out.
func ReadExtended(r io.Reader) ([]*Scenario, error) { return read(r, true) }

func read(r io.Reader, extended bool) ([]*Scenario, error) {
	p := &parser{extended: extended}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := p.parseLine(strings.TrimSpace(lines.Text())); err != nil {
			p.faults = append(p.faults, fmt.Errorf("line %d%s: %w", n, columnOf(err, lines.Text()), err))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading scenarios: %w", err)
	}
	if len(p.all) == 0 && len(p.faults) == 0 {
		p.faults = append(p.faults, errors.New("no scenario, want a line \"scenario NAME\""))
	}
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return p.all, nil
}

// A wordError is an error about one word of a line.
type wordError struct {
	word string
	err  error
}

// Error returns the word and what is wrong with it.
func (e *wordError) Error() string { return e.word + ": " + e.err.Error() }

// Unwrap returns what is wrong with the word.
func (e *wordError) Unwrap() error { return e.err }

// columnOf returns ":" and the column, in bytes from 1, of the word that an error is
// about, or "" if the error is about the whole line.
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
	extended bool
	all      []*Scenario
	comments []string // for the next scenario or command
	early    bool     // a line before the first scenario was reported
	faults   []error
}

func (p *parser) parseLine(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == "":
		p.comments = nil // a blank line separates a comment from what follows
		return nil
	case word == "#":
		p.comments = append(p.comments, rest)
		return nil
	case strings.HasPrefix(word, "#"):
		return nil
	case word == "scenario":
		if rest == "" {
			return errors.New("scenario without a name")
		}
		p.all = append(p.all, &Scenario{Name: rest, Comments: p.comments, Root: &Child{Kind: Supervisor, Intensity: sup.DefaultIntensity}})
		p.comments = nil
		return nil
	case len(p.all) == 0 && p.early:
		return nil // one fault is enough for a file that has something else
	case len(p.all) == 0:
		p.early = true
		return fmt.Errorf("%q before the first \"scenario NAME\"", line)
	}
	sc := p.all[len(p.all)-1]
	switch word {
	case "supervisor":
		return p.parseRoot(sc.Root, strings.Fields(line))
	case "child":
		return p.declare(sc.Root, "", strings.Fields(line))
	case "below", ">", ":":
		if len(sc.Steps) == 0 {
			return fmt.Errorf("%q before the first command", word)
		}
		return p.parseOutcome(&sc.Steps[len(sc.Steps)-1], word, rest)
	}
	s, err := p.parseStep(line)
	s.Comments, p.comments = p.comments, nil
	sc.Append(s) // with a fault too: the lines that follow are about this command
	return err
}

// parseOutcome reads a line that follows a command.
func (p *parser) parseOutcome(s *Step, word, rest string) error {
	switch word {
	case "below":
		if s.Add == nil || s.Add.Kind != Supervisor {
			return errors.New(`"below" without an "add" of a supervisor before it`)
		}
		return p.declare(s.Add, s.Path, append([]string{word}, strings.Fields(rest)...))
	case ":":
		s.Children = &rest
		return nil
	}
	for event := range strings.SplitSeq(rest, ", ") {
		if event = strings.TrimSpace(event); event == "" {
			return errors.New(`empty trace, want "> WORD PATH, ..." or no line at all`)
		}
		s.Trace = append(s.Trace, event)
	}
	return nil
}

// declare reads a line about a child below the supervisor top, which is at a path.
func (p *parser) declare(top *Child, path string, words []string) error {
	if len(words) < 3 {
		return fmt.Errorf(`want "%s PATH RESTART ..."`, words[0])
	}
	at := words[1]
	under, below := at, path == ""
	if !below {
		under, below = strings.CutPrefix(at, path+"/")
	}
	up := top.Find(Parent(under))
	switch {
	case !below || up == nil || up.Kind != Supervisor:
		return fmt.Errorf("%s %s: no supervisor %q declared above", words[0], at, Parent(at))
	case top.Find(under) != nil && !p.extended:
		return fmt.Errorf("%s %s: declared twice", words[0], at)
	}
	c, err := p.parseChild(words[1:])
	if err != nil {
		return err
	}
	up.Adopt(c)
	return nil
}

// parseRoot reads the line of the root.
func (p *parser) parseRoot(root *Child, words []string) error {
	read := &Child{}
	if err := p.parseWords(read, words); err != nil {
		return err
	}
	allowed := &Child{Kind: Supervisor, Strategy: read.Strategy, Intensity: read.Intensity, AutoShutdown: read.AutoShutdown}
	if !reflect.DeepEqual(read, allowed) {
		return errors.New(`want "supervisor STRATEGY INTENSITY [auto=...]": the root has no other words`)
	}
	root.Strategy, root.Intensity, root.AutoShutdown = read.Strategy, read.Intensity, read.AutoShutdown
	return nil
}

// parseStep reads a command, and the answer after its '='.
func (p *parser) parseStep(line string) (s Step, err error) {
	line, s.Answer, _ = strings.Cut(line, " = ")
	words := strings.Fields(line)
	s.Verb = words[0]
	takes, known := verbs[s.Verb]
	if p.extended && !known {
		takes, known = extendedVerbs[s.Verb]
	}
	if !known {
		return s, fmt.Errorf("unknown command %q", s.Verb)
	}
	switch takes {
	case timeOperand:
		if len(words) != 2 {
			return s, fmt.Errorf(`want "%s TIME"`, s.Verb)
		}
		s.Time, err = parseTime(words[1])
	case pathOperand:
		switch {
		case len(words) == 2:
			s.Path = words[1]
		case len(words) != 1 || !p.extended:
			return s, fmt.Errorf(`want "%s PATH"`, s.Verb)
		}
	case pathAndArg:
		if len(words) != 3 {
			return s, fmt.Errorf(`want "%s PATH %s"`, s.Verb, map[string]string{"die": "HOW", "both": "ID"}[s.Verb])
		}
		s.Path, s.Arg = words[1], words[2]
	case childOperand:
		if len(words) < 3 {
			return s, fmt.Errorf(`want "%s PATH RESTART ..."`, s.Verb)
		}
		s.Path = words[1]
		s.Add, err = p.parseChild(words[1:])
	default:
		if len(words) != 1 {
			return s, fmt.Errorf("%s with an operand, want none", s.Verb)
		}
	}
	return s, err
}
