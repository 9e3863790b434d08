package gen

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// join is a list of what is to be said, without what is empty.
func join(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ", ")
}

// summary is what the tags say about a tree itself.
func (t *Tree) summary() string {
	var parts []string
	parts = append(parts, t.Strategy)
	if t.Intensity != nil {
		parts = append(parts, "intensity="+t.Intensity.String())
	}
	if t.AutoShutdown != "" {
		parts = append(parts, "auto_shutdown="+t.AutoShutdown)
	}
	if t.Labels {
		parts = append(parts, "labels")
	}
	return join(parts...)
}

// summary is the line of a field: what it is, and what the tags say about it.
func (f *Field) summary() string {
	switch f.Kind {
	case State:
		return f.ID + " " + f.Type.Text
	case Mailbox:
		return join(f.ID+" "+f.Type.Text, f.capacityText())
	case Keyed:
		return join(fmt.Sprintf("%s[%s] %s", f.ID, f.Key.Text, f.Worker.Text), f.Policy.summary())
	case Replicas:
		count := "…"
		if !f.asksCount() {
			count = strconv.Itoa(f.Policy.Count)
		}
		return join(fmt.Sprintf("%s[%s] %s", f.ID, count, f.Worker.Text), f.Policy.summary())
	case Nested:
		return join(f.ID+" "+f.Type.Text, f.Policy.summary())
	}
	return join(f.ID+" "+f.Worker.Text, f.Policy.summary())
}

// capacityText is the capacity of a mailbox in the words of the tags.
func (f *Field) capacityText() string {
	switch f.Capacity {
	case 0:
		return ""
	case unbounded:
		return "cap=unbounded"
	}
	return "cap=" + strconv.Itoa(f.Capacity)
}

// summary is the policy in the words of the tags.
func (p Policy) summary() string {
	parts := []string{p.Restart}
	option := func(name, value string) { parts = append(parts, name+"="+value) }
	if p.Significant {
		parts = append(parts, "significant")
	}
	if p.Max != 0 {
		option("max", strconv.Itoa(p.Max))
	}
	if p.Intensity != nil {
		option("intensity", p.Intensity.String())
	}
	if p.Labels {
		parts = append(parts, "labels")
	}
	if p.Shutdown != 0 {
		option("shutdown", short(p.Shutdown))
	}
	if p.StartTimeout != 0 {
		option("start_timeout", short(p.StartTimeout))
	}
	if b := p.Backoff; b.Min != 0 {
		option("backoff", b.String())
	}
	if p.Budget != nil {
		option("budget", p.Budget.String())
	}
	if p.Watchdog != 0 {
		option("watchdog", short(p.Watchdog))
	}
	if p.Stuck != "" {
		option("stuck", p.Stuck)
	}
	return join(parts...)
}

// String returns the form that the tags use.
func (i Intensity) String() string {
	if i.Restarts < 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d/%s", i.Restarts, short(i.Within))
}

// String returns the form that the tags use.
func (b Backoff) String() string {
	s := short(b.Min)
	if b.Max != 0 {
		s += ".." + short(b.Max)
	}
	if b.Factor != 0 {
		s += ", factor=" + strconv.FormatFloat(b.Factor, 'g', -1, 64)
	}
	if b.Jitter != 0 {
		s += ", jitter=" + strconv.FormatFloat(b.Jitter, 'g', -1, 64)
	}
	if b.ResetAfter != 0 {
		s += ", reset=" + short(b.ResetAfter)
	}
	return s
}

// short is a duration without the zeros at its end: 30m, not 30m0s.
func short(d time.Duration) string {
	switch d {
	case infinity:
		return "infinity"
	case brutal:
		return "brutal"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// indent puts a tab before every line, as preformatted text has in a comment.
func indent(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n\t")
}
