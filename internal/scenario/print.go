package scenario

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// String formats the scenario as [Read] reads it.
func (sc *Scenario) String() string {
	var b strings.Builder
	writeComments(&b, sc.Comments)
	fmt.Fprintf(&b, "scenario %s\nsupervisor %s\n", sc.Name, sc.Root.supervisorWords())
	sc.Root.writeChildren(&b, "child", "")
	for _, s := range sc.Steps {
		writeComments(&b, s.Comments)
		b.WriteString(s.String())
		if s.Answer != "" {
			b.WriteString(" = " + s.Answer)
		}
		b.WriteByte('\n')
		if s.Add != nil {
			s.Add.writeChildren(&b, "below", s.Path)
		}
		writeTrace(&b, s.Trace)
		if s.Children != nil {
			b.WriteString(strings.TrimSpace(": "+*s.Children) + "\n")
		}
	}
	return b.String()
}

func writeComments(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString(strings.TrimRight("# "+termtext.Line(line), " ") + "\n")
	}
}

// writeTrace splits a trace that is longer than a reader's line.
func writeTrace(b *strings.Builder, trace []string) {
	const most = 1 << 16
	for len(trace) > 0 {
		n, length := 1, len(trace[0])
		for n < len(trace) && length+len(trace[n]) < most {
			length += len(trace[n]) + len(", ")
			n++
		}
		b.WriteString("> " + strings.Join(trace[:n], ", ") + "\n")
		trace = trace[n:]
	}
}

// writeChildren writes a line for everything below a supervisor.
func (c *Child) writeChildren(b *strings.Builder, word, path string) {
	if c.IsSet() {
		return // the word "each" has said it
	}
	for _, child := range c.Children {
		at := Join(path, child.ID)
		fmt.Fprintf(b, "%s %s %s\n", word, at, child)
		child.writeChildren(b, word, at)
	}
}

// String formats the command, without its answer and what follows.
func (s Step) String() string {
	words := []string{s.Verb}
	switch {
	case s.Verb == "pass":
		words = append(words, s.Time.String())
	case s.Add != nil:
		words = append(words, s.Path, s.Add.String())
	default:
		for _, word := range []string{s.Path, s.Arg} {
			if word != "" {
				words = append(words, word)
			}
		}
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

func (c *Child) supervisorWords() string {
	text := fmt.Sprintf("%v %v", c.Strategy, c.Intensity)
	if c.AutoShutdown != sup.AutoShutdownNever {
		text += " auto=" + c.AutoShutdown.String()
	}
	return text
}

// String formats the words of a child's line that follow its path.
func (c *Child) String() string {
	words := []string{c.Restart.String()}
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(c.Kind == Supervisor, "supervisor %s", c.supervisorWords())
	add(c.Kind == Keyed, "keyed %v max=%d", c.Intensity, c.Size)
	add(c.Kind == Replicas, "replicas %v count=%d", c.Intensity, c.Size)
	add(c.Significant, "significant")
	add(len(c.Needs) > 0, "needs=%s", needsWord(c.Needs))
	add(c.Shutdown != 0, "shutdown=%s", shutdownWord(c.Shutdown))
	add(c.StartTimeout != 0, "timeout=%v", c.StartTimeout)
	b := c.Backoff
	add(b.Min != 0, "backoff=%v..%v", b.Min, b.Max)
	add(b.Min != 0 && b.Factor != 0 && b.Factor != 2, "factor=%v", b.Factor)
	add(b.Min != 0 && b.ResetAfter != 0 && b.ResetAfter != b.Max, "reset=%v", b.ResetAfter)
	add(c.Budget != (sup.Intensity{}), "budget=%v", c.Budget)
	add(c.Stuck != sup.StuckWait, "stuck=%v", c.Stuck)
	words = append(words, c.Faults.words()...)
	if c.IsSet() && len(c.Children) > 0 {
		words = append(words, "each", c.Children[0].String())
	}
	return strings.Join(words, " ")
}

// needsWord joins ids with "+", which is escaped within them.
func needsWord(ids []string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strings.ReplaceAll(id, "+", "%2B")
	}
	return strings.Join(words, "+")
}

func shutdownWord(d time.Duration) string {
	switch d {
	case sup.Infinity:
		return "infinity"
	case sup.Brutal:
		return "brutal"
	}
	return d.String()
}

// String formats the words for the faults, "" for those of a good worker.
func (f WorkerFaults) String() string { return strings.Join(f.words(), " ") }

func (f WorkerFaults) words() (words []string) {
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	for _, fail := range f.Fail {
		add(true, "fail="+fail.Attempts.String()+":"+fail.How)
	}
	add(f.Ignore.To > 0, "ignore="+f.Ignore.String())
	add(f.Hold.To > 0, "hold="+f.Hold.String())
	for _, hang := range f.Hang {
		add(true, "hang="+hang.String())
	}
	add(f.Slow > 0, "slow="+f.Slow.String())
	add(f.Stop > 0, "stop="+f.Stop.String())
	add(f.Mute, "mute")
	add(f.IgnoresStop, "deaf")
	add(f.Badly, "badly")
	return words
}
