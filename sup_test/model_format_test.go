package sup_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

func (c command) String() string {
	switch c.verb {
	case "pass":
		return "pass " + c.time.String()
	case "add":
		return "add " + strings.TrimSpace(join(c.path, c.spec.String()))
	}
	return strings.TrimSpace(strings.Join([]string{c.verb, c.path, c.arg}, " "))
}

// text prints a case.
func (sc *modelCase) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scenario %s\nsupervisor %s\n", sc.name, sc.root.supervisorText())
	b.WriteString(sc.root.childrenText("child", ""))
	for i, cmd := range sc.commands {
		fmt.Fprintf(&b, "%s\n%s", cmd, cmd.below())
		if i < len(sc.want) && len(sc.want[i].events) > 0 {
			var events []string
			for _, e := range sc.want[i].events {
				what, arg, _ := strings.Cut(e.what, " ")
				events = append(events, strings.TrimSpace(strings.Join([]string{what, e.path, arg}, " ")))
			}
			fmt.Fprintf(&b, "> %s\n", strings.Join(events, ", "))
		}
	}
	return b.String()
}

// childrenText prints a line for each child of a supervisor at a path, and for
// those below.
func (b *branch) childrenText(word, path string) string {
	if b.set() {
		return ""
	}
	var text strings.Builder
	for _, c := range b.children {
		fmt.Fprintf(&text, "%s %s\n%s", word, join(path, c.String()), c.childrenText(word, join(path, c.id)))
	}
	return text.String()
}

// below prints what is below a supervisor that is added.
func (c command) below() string {
	if c.verb != "add" {
		return ""
	}
	return c.spec.childrenText("below", join(c.path, c.spec.id))
}

func (b *branch) supervisorText() string {
	text := fmt.Sprintf("%v %v", b.strategy, b.intensity)
	if b.auto != sup.AutoShutdownNever {
		text += " auto=" + b.auto.String()
	}
	return text
}

// String is the line of a child, without its path.
func (b *branch) String() string {
	words := []string{b.id, b.restart.String()}
	add := func(name string, value any, is bool) {
		if is {
			words = append(words, fmt.Sprintf("%s=%v", name, value))
		}
	}
	switch b.kind {
	case aSupervisor:
		words = append(words, "supervisor", b.supervisorText())
	case aKeyed:
		words = append(words, fmt.Sprintf("keyed %v max=%d", b.intensity, b.size))
	case aReplicas:
		words = append(words, fmt.Sprintf("replicas %v count=%d", b.intensity, b.size))
	}
	if b.significant {
		words = append(words, "significant")
	}
	add("shutdown", shutdownText(b.shutdown), b.shutdown != 0)
	add("timeout", b.startTimeout, b.startTimeout != 0)
	add("backoff", fmt.Sprintf("%v..%v", b.backoff.Min, b.backoff.Max), b.backoff.Min != 0)
	add("reset", b.backoff.ResetAfter, b.backoff.ResetAfter != 0)
	add("budget", b.budget, b.budget != sup.Intensity{})
	add("stuck", b.stuck, b.stuck != sup.StuckWait)
	how := b.manner
	add("fail", how.fail.String()+":"+how.failHow, how.fail.to > 0)
	add("ignore", how.ignore, how.ignore.to > 0)
	add("hold", how.hold, how.hold.to > 0)
	add("hang", how.hang, how.hang.to > 0)
	add("slow", how.slow, how.slow > 0)
	add("stop", how.stop, how.stop > 0)
	if how.mute {
		words = append(words, "mute")
	}
	if how.deaf {
		words = append(words, "deaf")
	}
	if how.badly {
		words = append(words, "badly")
	}
	text := strings.Join(words, " ")
	if b.set() {
		_, each, _ := strings.Cut(b.children[0].String(), " ")
		text += " each " + each
	}
	return text
}

func (a attempts) String() string { return fmt.Sprintf("%d..%d", a.from, a.to) }

func shutdownText(d time.Duration) string {
	switch d {
	case sup.Infinity:
		return "infinity"
	case sup.Brutal:
		return "brutal"
	}
	return d.String()
}
