package scenario

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// parseChild reads "PATH RESTART WORD...".
func (p *parser) parseChild(words []string) (*Child, error) {
	if !Complete(words[0]) {
		return nil, fmt.Errorf("child %s: empty part of the path", words[0])
	}
	c := &Child{ID: Last(words[0])}
	restart, err := oneOf("restart policy", words[1], sup.Permanent, sup.Transient, sup.Temporary)
	if err == nil {
		c.Restart = restart
		err = p.parseWords(c, words[2:])
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("child %s: %w", words[0], err)
	}
	return c, nil
}

// check refuses words that mean nothing beside the others. It removes values that
// are defaults, so that a child equals the one that is read from its text.
func (c *Child) check() error {
	b := &c.Backoff
	switch {
	case c.Size != 0 && !c.IsSet():
		return errors.New("max or count without keyed or replicas")
	case c.AutoShutdown != sup.AutoShutdownNever && c.Kind != Supervisor:
		return errors.New("auto without supervisor")
	case b.Min == 0 && *b != sup.Backoff{}:
		return errors.New("factor or reset without a backoff longer than 0, such as backoff=1s..1m")
	}
	if b.Factor == 2 {
		b.Factor = 0
	}
	if b.ResetAfter == b.Max {
		b.ResetAfter = 0
	}
	return nil
}

// parseWords reads the words after a restart policy.
func (p *parser) parseWords(c *Child, words []string) (err error) {
	for len(words) > 0 && err == nil {
		word := words[0]
		words = words[1:]
		switch word {
		case "supervisor", "keyed", "replicas":
			if c.Kind != Worker {
				return fmt.Errorf("%s: second kind of one child", word)
			}
			c.Kind = map[string]Kind{"supervisor": Supervisor, "keyed": Keyed, "replicas": Replicas}[word]
			if c.Kind == Supervisor && len(words) > 0 {
				c.Strategy, err = oneOf("strategy", words[0], sup.OneForOne, sup.OneForAll, sup.RestForOne, sup.OneForDependents)
				words = words[1:]
			}
			if err == nil && len(words) == 0 {
				err = fmt.Errorf("%s: missing intensity, such as 3/5s", word)
			}
			if err == nil {
				c.Intensity, err = parseIntensity(words[0])
				words = words[1:]
			}
		case "each":
			if !c.IsSet() {
				return errors.New("each: no keyed or replicas before it")
			}
			if len(words) == 0 {
				return errors.New("each: missing restart policy of the members")
			}
			each, err := p.parseChild(append([]string{"*"}, words...))
			c.Children = []*Child{each}
			return err
		case "significant":
			c.Significant = true
		case "deaf":
			c.Faults.IgnoresStop = true
		case "badly":
			c.Faults.Badly = true
		default:
			err = p.parseOption(c, word)
		}
	}
	return err
}

// parseOption reads "NAME=VALUE", or a word that only [ReadExtended] accepts.
func (p *parser) parseOption(c *Child, word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "needs":
		if c.Needs = strings.Split(value, "+"); slices.Contains(c.Needs, "") {
			err = errors.New("want ids of siblings, such as needs=a+b")
		}
	case "timeout":
		c.StartTimeout, err = parseTime(value)
	case "reset":
		c.Backoff.ResetAfter, err = parseTime(value)
	case "slow":
		c.Faults.Slow, err = parseTime(value)
	case "stop":
		c.Faults.Stop, err = parseTime(value)
	case "auto":
		c.AutoShutdown, err = oneOf("auto-shutdown", value, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant)
	case "max", "count":
		if c.Size, err = parseNumber(value); err == nil && (c.Size < 0 || c.Size > MaxMembers) {
			err = fmt.Errorf("out of range, want 0 to %d", MaxMembers)
		}
	case "shutdown":
		switch value {
		case "infinity":
			c.Shutdown = sup.Infinity
		case "brutal":
			c.Shutdown = sup.Brutal
		default:
			c.Shutdown, err = parseTime(value)
		}
	case "backoff":
		least, most, _ := strings.Cut(value, "..")
		if c.Backoff.Min, err = parseTime(least); err == nil {
			c.Backoff.Max, err = parseTime(most)
		}
	case "factor":
		factor := &c.Backoff.Factor
		if *factor, err = strconv.ParseFloat(value, 64); err != nil || math.IsNaN(*factor) || math.IsInf(*factor, 0) {
			err = fmt.Errorf("invalid number %q", value)
		}
	case "budget":
		c.Budget, err = parseIntensity(value)
	case "stuck":
		c.Stuck, err = oneOf("answer to a stuck child", value, sup.StuckAbandon, sup.StuckEscalate)
	case "fail":
		var fail FailedStarts
		if fail, err = p.parseFail(value); err == nil {
			c.Faults.Fail = append(c.Faults.Fail, fail)
		}
	case "hang":
		var a Attempts
		a, err = parseAttempts(value)
		c.Faults.Hang = append(c.Faults.Hang, a)
	default:
		if !p.extended {
			return fmt.Errorf("unknown word %q", word)
		}
		err = parseExtended(&c.Faults, word)
	}
	if err != nil {
		return &wordError{word, err}
	}
	return nil
}

func parseExtended(f *WorkerFaults, word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "ignore":
		f.Ignore, err = parseAttempts(value)
	case "hold":
		f.Hold, err = parseAttempts(value)
	case "mute":
		f.Mute = true
	default:
		err = errors.New("unknown word")
	}
	return err
}

// parseFail reads "FROM..TO" and, unless the starts fail with an error, ":HOW".
func (p *parser) parseFail(value string) (f FailedStarts, err error) {
	which, how, found := strings.Cut(value, ":")
	if !found {
		how = "error"
	}
	ways := []string{"error", "start", "panic", "goexit"}
	if p.extended {
		ways = append(ways, "exhausted")
	}
	if !slices.Contains(ways, how) {
		return f, fmt.Errorf("unknown failure %q, want %s", how, strings.Join(ways, ", "))
	}
	f.How = how
	f.Attempts, err = parseAttempts(which)
	return f, err
}

func oneOf[T fmt.Stringer](what, name string, all ...T) (none T, err error) {
	names := make([]string, len(all))
	for i, one := range all {
		if names[i] = one.String(); names[i] == name {
			return one, nil
		}
	}
	return none, fmt.Errorf("unknown %s %q, want %s", what, name, strings.Join(names, ", "))
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("negative duration %q", s)
	}
	return d, err
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("invalid number %q", s)
	}
	return n, nil
}

func parseIntensity(s string) (i sup.Intensity, err error) {
	if s == "unlimited" {
		return sup.Unlimited, nil
	}
	n, within, _ := strings.Cut(s, "/")
	if i.Restarts, err = parseNumber(n); err == nil && i.Restarts < 0 {
		err = errors.New("negative number of restarts")
	}
	if err == nil {
		i.Within, err = parseTime(within)
	}
	if err != nil {
		return i, fmt.Errorf("invalid intensity %q, want one like 3/5s, or unlimited: %w", s, err)
	}
	return i, nil
}

func parseAttempts(s string) (a Attempts, err error) {
	from, to, _ := strings.Cut(s, "..")
	if a.From, err = parseNumber(from); err == nil {
		a.To, err = parseNumber(to)
	}
	if err != nil || a.From < 1 || a.To < a.From {
		return Attempts{}, fmt.Errorf("invalid attempts %q, want a range like 2..3", s)
	}
	return a, nil
}
