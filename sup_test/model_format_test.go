package sup_test

import (
	"fmt"
	"strings"

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
	var show func(path string, c *branch)
	show = func(path string, c *branch) {
		for _, k := range c.children {
			fmt.Fprintf(&b, "child %s\n", join(path, k.String()))
			show(join(path, k.id), k)
		}
	}
	show("", sc.root)
	for i, cmd := range sc.commands {
		fmt.Fprintf(&b, "%s\n", cmd)
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

func (b *branch) supervisorText() string {
	return fmt.Sprintf("%v %s", b.strategy, intensityText(b.intensity))
}

func intensityText(i sup.Intensity) string { return i.String() }

func (b *branch) String() string {
	return fmt.Sprintf("%s %v", b.id, b.restart)
}
