package suptest

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// String writes the scenario in its format.
func (sc *Scenario) String() string {
	var b strings.Builder
	comment := func(lines []string) {
		for _, line := range lines {
			b.WriteString(strings.TrimRight("# "+termtext.Line(line), " ") + "\n")
		}
	}
	comment(sc.Comments)
	fmt.Fprintf(&b, "scenario %s\nsupervisor %s\n", sc.Name, sc.root.supervisorWords())
	sc.root.writeChildren(&b, "")
	for _, s := range sc.steps {
		comment(s.comments)
		b.WriteString(s.String())
		if s.answer != "" {
			b.WriteString(" = " + s.answer)
		}
		b.WriteByte('\n')
		writeTrace(&b, s.trace)
		if s.children != nil {
			b.WriteString(strings.TrimSpace(": "+*s.children) + "\n")
		}
	}
	return b.String()
}

// writeTrace writes the words of a trace, on several lines if one would be longer
// than can be read.
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

func (d *declared) writeChildren(b *strings.Builder, path string) {
	if d.set() {
		return
	}
	for _, c := range d.children {
		at := below(path, c.id)
		fmt.Fprintf(b, "child %s %s\n", at, c.words())
		c.writeChildren(b, at)
	}
}

func (d *declared) supervisorWords() string {
	text := fmt.Sprintf("%v %v", d.strategy, d.intensity)
	if d.auto != sup.AutoShutdownNever {
		text += " auto=" + d.auto.String()
	}
	return text
}

// words are what a line says of a child behind its path.
func (d *declared) words() string {
	words := []string{d.restart.String()}
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(d.kind == aSupervisor, "supervisor %s", d.supervisorWords())
	add(d.kind == aKeyed, "keyed %v max=%d", d.intensity, d.size)
	add(d.kind == aReplicas, "replicas %v count=%d", d.intensity, d.size)
	add(d.significant, "significant")
	p := d.policy
	add(p.Shutdown != 0, "shutdown=%s", shutdownWord(p.Shutdown))
	add(p.StartTimeout != 0, "timeout=%v", p.StartTimeout)
	add(p.Backoff.Min != 0, "backoff=%v..%v", p.Backoff.Min, p.Backoff.Max)
	add(p.Backoff.Min != 0 && p.Backoff.Factor != 0 && p.Backoff.Factor != 2, "factor=%v", p.Backoff.Factor)
	add(p.Backoff.Min != 0 && p.Backoff.ResetAfter != 0 && p.Backoff.ResetAfter != p.Backoff.Max, "reset=%v", p.Backoff.ResetAfter)
	add(p.Budget != (sup.Intensity{}), "budget=%v", p.Budget)
	add(p.Stuck != sup.StuckWait, "stuck=%v", p.Stuck)
	for _, f := range d.faults.fails {
		add(true, "fail=%v:%s", f.attempts, f.how)
	}
	for _, a := range d.faults.hang {
		add(true, "hang=%v", a)
	}
	add(d.faults.slow > 0, "slow=%v", d.faults.slow)
	add(d.faults.stop > 0, "stop=%v", d.faults.stop)
	add(d.faults.deaf, "deaf")
	add(d.faults.badly, "badly")
	if d.set() && len(d.children) > 0 {
		words = append(words, "each", d.children[0].words())
	}
	return strings.Join(words, " ")
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
