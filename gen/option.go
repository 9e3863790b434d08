package gen

import (
	"fmt"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// scope is a set of places where an option may stand.
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

// option is a row of the table of options.
type option struct {
	name    string
	group   string // a tag holds at most one option of a group; default: name
	on      scope
	field   string                    // of the spec in package sup; "" if the option sets no field
	value   any                       // of an option that takes none
	parse   func(string) (any, error) // nil if the option takes no value
	form    string                    // how a value is written, for hints
	example string                    // a value for the documentation
	doc     string
}

// optionTable is the table of options. The parser, the checks, the emitter, the
// drawings and the package comment follow it. Hints and generated specs have its
// order.
//
// A value of type E is assigned to a field of type E. The value nil, as of
// backoff=none, removes the default of the tree.
var optionTable = []*option{
	{value: sup.OneForOne, group: "strategy", on: onTree, field: "Strategy", doc: "restart the failed child; this is the default"},
	{value: sup.OneForAll, group: "strategy", on: onTree, field: "Strategy", doc: "restart all children"},
	{value: sup.RestForOne, group: "strategy", on: onTree, field: "Strategy", doc: "restart the failed child and those declared after it"},
	{name: "name", on: onTree | onAll&^asDefault, parse: parseName, form: "a name", example: "NAME",
		doc: "the id; default the name of the field or type"},
	{value: sup.Permanent, group: "restart policy", on: onAll, field: "Restart", doc: "restart the child after every exit; this is the default"},
	{value: sup.Transient, group: "restart policy", on: onAll, field: "Restart", doc: "restart the child after an abnormal exit"},
	{value: sup.Temporary, group: "restart policy", on: onAll, field: "Restart", doc: "never restart the child"},
	{name: "significant", on: onChild | onNested, field: "Significant", value: true, doc: "the child can end the tree, see auto_shutdown; default not"},
	{name: "max", on: onKeyed, field: "Max", parse: parseCount("children"), form: "a whole number, 1 or more", example: "10000",
		doc: "the largest number of children; default no limit"},
	{name: "count", on: onReplicas, field: "Count", parse: parseCount("children"), form: "a whole number, 1 or more", example: "4",
		doc: "the number of children; default what a method returns"},
	{name: "intensity", on: onTree | onSets, field: "Intensity", parse: parseIntensity, form: "a value like 3/5s, or unlimited", example: "4/10s",
		doc: "the restart intensity; or unlimited; default 3/5s"},
	{name: "auto_shutdown", on: onTree, field: "AutoShutdown", parse: parseWord[sup.AutoShutdown],
		form: "any_significant, all_significant or never", example: "any_significant", doc: "end the tree with its first significant child; or all_significant, with the last; or never; default never"},
	{name: "labels", on: onTree | onSets, field: "Labels", value: true, doc: "pprof labels for all workers; default none"},
	{name: "shutdown", on: onAll, field: "Shutdown", parse: parseDuration(map[string]any{"infinity": sup.Infinity, "brutal": sup.Brutal}),
		form: "a value like 5s, or infinity, or brutal", example: "10s", doc: "the time to stop; or infinity; or brutal; default 5s, and infinity for a tree"},
	{name: "start_timeout", on: onAll, field: "StartTimeout", parse: parseDuration(none), form: "a value like 10s, or none", example: "10s",
		doc: "the time to become ready; default no limit"},
	{name: "backoff", on: onAll, field: "Backoff", parse: parseBackoff, form: "a value like 100ms..30s, or none", example: "100ms..30s",
		doc: "the first and the longest wait before a restart; or the first alone, up to a minute; default none"},
	{name: "factor", on: onAll, field: "Backoff.Factor", parse: parseFactor, form: "a number, 1 or more", example: "3",
		doc: "how each wait grows from the last; default 2"},
	{name: "jitter", on: onAll, field: "Backoff.Jitter", parse: parseNumber, form: "a number from 0 to 1", example: "0.5",
		doc: "the fraction of each wait that is random; default 0"},
	{name: "reset", on: onAll, field: "Backoff.ResetAfter", parse: parseDuration(nil), form: "a value like 1m", example: "1m",
		doc: "how long the child must be ready for the waits to start over; default the longest wait"},
	{name: "budget", on: onAll, field: "Budget", parse: parseBudget, form: "a value like 5/1m, or unlimited, or none", example: "5/1m",
		doc: "the child's own intensity, beyond which it is quarantined; default none"},
	{name: "watchdog", on: onWorkers, field: "Watchdog", parse: parseDuration(none), form: "a value like 10s, or none", example: "10s",
		doc: "the longest time between two beats; default none"},
	{name: "stuck", on: onAll, field: "Stuck", parse: parseWord[sup.WhenStuck], form: "wait, abandon or escalate", example: "escalate",
		doc: "fail the tree if the child does not stop in time; or abandon the child; or wait; default wait"},
	{name: "cap", on: onMailbox, parse: parseCapacity, form: "a whole number, 1 or more, or unbounded", example: "1000",
		doc: "the number of messages that may wait; or unbounded; default 100"},
}

func init() {
	for _, o := range optionTable {
		if o.name == "" {
			o.name = fmt.Sprint(o.value) // the name of an enumeration value
		}
		if o.group == "" {
			o.group = o.name
		}
	}
}

// isPart reports whether the option sets a part of the value of another one, as
// factor does of backoff.
func (o *option) isPart() bool { return strings.Contains(o.field, ".") }

// lookup returns the option of a name, or nil.
func lookup(name string) *option {
	for _, o := range optionTable {
		if o.name == name {
			return o
		}
	}
	return nil
}

// optionFor returns the option that sets a field of a spec, or else one that the
// field is a part of, or nil.
func optionFor(field string) *option {
	for {
		for _, o := range optionTable {
			if o.field == field {
				return o
			}
		}
		i := strings.LastIndexByte(field, '.')
		if i < 0 {
			return nil
		}
		field = field[:i]
	}
}

// place is the hint for an option in a scope that it does not apply to.
func (o *option) place() string {
	hint := o.name + " is for " + o.on.list()
	if o.name == "intensity" {
		hint += "; a child has a budget"
	}
	if o.name == "significant" {
		hint += ", not a default"
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

// String names the scope of one field.
func (s scope) String() string {
	switch {
	case s&onTree != 0:
		return "a sup.Tree"
	case s == onNested:
		return "a nested tree"
	}
	return "a " + s.list()
}
