package gen

import (
	"fmt"
	"go/token"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/spelling"
)

// scope is a set of places where an option can stand.
type scope uint8

const (
	onTree scope = 1 << iota
	asDefault
	onChild
	onKeyed
	onReplicas
	onNested
	onMailbox

	onSets    = onKeyed | onReplicas
	onWorkers = onChild | onSets | asDefault
	onAll     = onWorkers | onNested
)

// option is a word that a tag can hold.
type option struct {
	name   string
	group  string // options of one group exclude each other; it is the name, for most
	on     scope
	values string                    // how a value is written; "" if there is none
	read   func(string) (any, error) // the value; nil if there is none
}

// vocabulary is all options, in the order in which a hint names them.
var vocabulary = []option{
	{name: "one_for_one", group: "strategy", on: onTree},
	{name: "one_for_all", group: "strategy", on: onTree},
	{name: "rest_for_one", group: "strategy", on: onTree},
	{name: "intensity", on: onTree | onSets, values: "one like 3/5s, or unlimited", read: readIntensity},
	{name: "auto_shutdown", on: onTree, values: "any_significant, all_significant or never",
		read: readWord("any_significant", "all_significant", "never")},
	{name: "labels", on: onTree | onSets},
	{name: "name", on: onTree | onAll&^asDefault, values: "a name", read: readName},
	{name: "permanent", group: "restart", on: onAll},
	{name: "transient", group: "restart", on: onAll},
	{name: "temporary", group: "restart", on: onAll},
	{name: "significant", on: onChild | onNested},
	{name: "shutdown", on: onAll, values: "one like 5s, or infinity, or brutal",
		read: readDuration(map[string]time.Duration{"infinity": infinity, "brutal": brutal})},
	{name: "start_timeout", on: onAll, values: "one like 10s, or none", read: readDuration(noDuration)},
	{name: "backoff", on: onAll, values: "one like 100ms..30s, or none", read: readBackoff},
	{name: "factor", on: onAll, values: "a number, 1 or more", read: readNumber(1, 1e9)},
	{name: "jitter", on: onAll, values: "a number from 0 to 1", read: readNumber(0, 1)},
	{name: "reset", on: onAll, values: "one like 1m", read: readDuration(nil)},
	{name: "budget", on: onAll, values: "one like 5/1m, or unlimited, or none", read: readBudget},
	{name: "watchdog", on: onWorkers, values: "one like 10s, or none", read: readDuration(noDuration)},
	{name: "stuck", on: onAll, values: "wait, abandon or escalate", read: readWord("wait", "abandon", "escalate")},
	{name: "max", on: onKeyed, values: "a whole number, 1 or more", read: readCount},
	{name: "count", on: onReplicas, values: "a whole number, 1 or more", read: readCount},
	{name: "cap", on: onMailbox, values: "a whole number, 1 or more, or unbounded", read: readCapacity},
}

func init() {
	for i := range vocabulary {
		if vocabulary[i].group == "" {
			vocabulary[i].group = vocabulary[i].name
		}
	}
}

// options are the settings of a tag, by group.
type options map[string]chosen

// chosen is an option with the value that a tag gives it.
type chosen struct {
	option *option
	value  any
	pos    token.Pos
}

// choose reads the settings of a tag that stands at one of the places in on.
func (p *Package) choose(f *file, t tag, on scope) options {
	base := f.ast.FileStart
	for _, fault := range t.faults {
		p.fault(base+token.Pos(fault.at), fault.hint, "%s", fault.message)
	}
	all := make(options, len(t.list))
	for _, s := range t.list {
		pos := base + token.Pos(s.name.at[0])
		o := lookup(s.name.s)
		switch {
		case o == nil:
			p.fault(pos, suggest(s.name.s, on), "unknown option %q", s.name.s)
			continue
		case o.on&on == 0:
			p.fault(pos, o.place(), "%s does not apply to %s", o.name, on)
			continue
		case all[o.group].option == o:
			p.fault(pos, "leave one out", "%s stands here twice", o.name)
			continue
		case all[o.group].option != nil:
			p.fault(pos, "leave one out", "%s after %s: there can be one %s only",
				o.name, all[o.group].option.name, groupName(o.group))
			continue
		}
		c := chosen{option: o, pos: pos}
		if p.readValue(base, s, &c) {
			all[o.group] = c
		}
	}
	return all
}

func (p *Package) readValue(base token.Pos, s setting, c *chosen) bool {
	o := c.option
	switch {
	case o.read == nil && s.has:
		p.fault(base+token.Pos(s.value.at[0]), "write "+o.name+" alone", "%s takes no value", o.name)
		return false
	case o.read == nil:
		c.value = o.name
		return true
	case !s.has || s.value.s == "":
		p.fault(c.pos, "write "+o.values, "%s has no value", o.name)
		return false
	}
	value, err := o.read(s.value.s)
	if err != nil {
		p.fault(base+token.Pos(s.value.at[0]), "write "+o.values, "%s: %v", o.name, err)
		return false
	}
	c.value = value
	return true
}

func lookup(name string) *option {
	for i := range vocabulary {
		if vocabulary[i].name == name {
			return &vocabulary[i]
		}
	}
	return nil
}

func groupName(group string) string {
	if group == "restart" {
		return "restart policy"
	}
	return group
}

// place is the hint for an option that stands where it means nothing.
func (o *option) place() string {
	hint := o.name + " is for " + o.on.list()
	if o.name == "intensity" {
		hint += "; a child has a budget"
	}
	if o.name == "significant" {
		hint += ", each for itself"
	}
	return hint
}

var scopeNames = []struct {
	scope scope
	name  string
}{
	{onTree, "sup.Tree"},
	{onChild, "sup.Child"},
	{onKeyed, "sup.Keyed"},
	{onReplicas, "sup.Replicas"},
	{onNested, "nested trees"},
	{onMailbox, "mailbox.Mailbox"},
}

// list names all places of a set.
func (s scope) list() string {
	var names []string
	for _, n := range scopeNames {
		if s&n.scope != 0 {
			names = append(names, n.name)
		}
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// String names the place that a field is.
func (s scope) String() string {
	switch {
	case s&onTree != 0:
		return "a sup.Tree"
	case s == onNested:
		return "a nested tree"
	}
	return "a " + s.list()
}

// suggest is the hint for a word that is no option: the one that is spelled nearly
// so, or else begins so, or all.
func suggest(word string, on scope) string {
	// A longer word can have more mistakes in it. It may be written as in Go, or with hyphens.
	spelled := strings.ReplaceAll(snake(word), "-", "_")
	best, distance := "", min(max(3, len(word)/3+1), 4)
	var known []string
	for _, o := range vocabulary {
		if o.on&on != 0 {
			known = append(known, o.name)
		}
		d := min(spelling.Distance(word, o.name), spelling.Distance(spelled, o.name))
		if d < distance || d == distance && o.on&on != 0 && lookup(best) != nil && lookup(best).on&on == 0 {
			best, distance = o.name, d
		}
	}
	if best != "" && distance < len(word) {
		return fmt.Sprintf("did you mean %s?", best)
	}
	for _, name := range known {
		if len(word) > 2 && (strings.HasPrefix(word, name) || strings.HasPrefix(name, word)) {
			return fmt.Sprintf("did you mean %s?", name)
		}
	}
	if len(known) == 1 {
		return "there is only " + known[0]
	}
	return "there are " + strings.Join(known, ", ")
}
