package gen

import (
	"fmt"
	"go/token"
	"maps"
	"reflect"
	"strings"

	"github.com/espalier-go/espalier/internal/spelling"
	"github.com/espalier-go/espalier/sup"
)

// options are the options that a tag sets, by group.
type options map[string]setOption

// setOption is an option with the value that a tag gives it.
type setOption struct {
	option *option
	value  any    // nil for none
	text   string // of the value in the tag
	pos    token.Pos
	at     token.Pos // of the value
}

// readOptions reads the options of a tag in a scope.
func (p *Package) readOptions(f *file, t tag, on scope) options {
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
			p.fault(pos, "leave one out", "duplicate option %s", o.name)
			continue
		case all[o.group].option != nil:
			p.fault(pos, "leave one out", "%s conflicts with %s: a tag has one %s at most",
				o.name, all[o.group].option.name, o.group)
			continue
		}
		set := setOption{option: o, pos: pos, at: pos}
		if p.readValue(base, s, &set) {
			all[o.group] = set
		}
	}
	return all
}

// readValue reads the value of an option, and reports whether it has no fault.
func (p *Package) readValue(base token.Pos, s setting, set *setOption) bool {
	o := set.option
	switch {
	case o.parse == nil && s.has:
		p.fault(base+token.Pos(s.value.at[0]), "write "+o.name+" alone", "%s takes no value", o.name)
		return false
	case o.parse == nil:
		set.value = o.value
		return true
	case !s.has || s.value.s == "":
		p.fault(set.pos, "write "+o.form, "%s has no value", o.name)
		return false
	}
	set.at = base + token.Pos(s.value.at[0])
	// A comment of the output shows the text, so it must stay on one line.
	set.text = strings.Join(strings.Fields(s.value.s), "")
	var err error
	if set.value, err = o.parse(s.value.s); err != nil {
		p.fault(set.at, "write "+o.form, "%s: %v", o.name, err)
		return false
	}
	return true
}

// suggest is the hint for an unknown word: the option with the most similar name, or
// else all options of the scope.
func suggest(word string, on scope) string {
	// The longer the word, the more mistakes it may have. The name may be written as
	// in Go or with hyphens.
	spelled := strings.ReplaceAll(snake(word), "-", "_")
	var best *option
	distance := min(max(3, len(word)/3+1), 4)
	var known []string
	for _, o := range optionTable {
		if o.on&on != 0 {
			known = append(known, o.name)
		}
		d := min(spelling.Distance(word, o.name), spelling.Distance(spelled, o.name))
		if d < distance || d == distance && o.on&on != 0 && best != nil && best.on&on == 0 {
			best, distance = o, d
		}
	}
	if best != nil && distance < len(word) {
		return fmt.Sprintf("did you mean %s?", best.name)
	}
	for _, name := range known {
		if len(word) > 2 && (strings.HasPrefix(word, name) || strings.HasPrefix(name, word)) {
			return fmt.Sprintf("did you mean %s?", name)
		}
	}
	return "use " + strings.Join(known, ", ")
}

// over returns the options of a child: its own, and the defaults of the tree for
// groups that it does not set. Options without a value are left out, and so are the
// parts of a backoff without a backoff. The value of backoff includes its parts.
func (o options) over(defaults options) options {
	all := make(options, len(o)+len(defaults))
	maps.Copy(all, defaults)
	maps.Copy(all, o)
	maps.DeleteFunc(all, func(_ string, set setOption) bool {
		return set.value == nil || set.option.isPart() && all["backoff"].value == nil
	})
	if b, ok := all["backoff"]; ok {
		var spec sup.ChildSpec[sup.Worker]
		all.fill(&spec)
		b.value = spec.Backoff
		all["backoff"] = b
	}
	return all
}

// fill sets the fields of a spec of package sup that the options stand for.
func (o options) fill(spec any) {
	for _, set := range o.inOrder() {
		field := reflect.ValueOf(spec).Elem()
		for name := range strings.SplitSeq(set.option.field, ".") {
			if field = field.FieldByName(name); !field.IsValid() {
				break // the option is for another kind of spec
			}
		}
		if field.IsValid() {
			field.Set(reflect.ValueOf(set.value))
		}
	}
}

// inOrder returns the options in the order of the table.
func (o options) inOrder() []setOption {
	list := make([]setOption, 0, len(o))
	for _, option := range optionTable {
		if set, ok := o[option.group]; ok && set.option == option {
			list = append(list, set)
		}
	}
	return list
}

// optionValue returns the value of a group, or the zero value.
func optionValue[T any](o options, group string) T {
	value, _ := o[group].value.(T)
	return value
}

// first returns the first of several groups that is set.
func (o options) first(groups ...string) (set setOption, ok bool) {
	for _, group := range groups {
		if set, ok = o[group]; ok {
			return set, true
		}
	}
	return set, false
}
