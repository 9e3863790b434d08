package gen

import (
	"fmt"
	"strings"
)

// join is a list with commas, without its empty parts.
func join(parts ...string) string {
	var list []string
	for _, part := range parts {
		if part != "" {
			list = append(list, part)
		}
	}
	return strings.Join(list, ", ")
}

// String returns the options as in a tag, in the order of the table. It leaves
// out the name and the count, which drawings show elsewhere.
func (o options) String() string {
	var list []string
	for _, set := range o.inOrder() {
		switch {
		case set.option.name == "name" || set.option.name == "count":
		case set.text == "":
			list = append(list, set.option.name)
		default:
			list = append(list, set.option.name+"="+set.text)
		}
	}
	return join(list...)
}

// summary is the line of a field in a drawing: its id, its type and its options.
func (f *field) summary() string {
	return join(f.label(), f.policy.String())
}

func (f *field) label() string {
	switch f.Kind {
	case kindChild:
		return f.ID + " " + f.Worker.Text
	case kindKeyed:
		return fmt.Sprintf("%s[%s] %s", f.ID, f.Key.Text, f.Worker.Text)
	case kindReplicas:
		count := "…"
		if !f.asksCount() {
			count = f.policy["count"].text
		}
		return fmt.Sprintf("%s[%s] %s", f.ID, count, f.Worker.Text)
	}
	return f.ID + " " + f.Type.Text
}

// indent puts a tab before every line, for preformatted text in a comment.
func indent(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n\t")
}
