package gen_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/gen"
)

// The field of an option without an effect is not a field of the spec, or is not
// emitted.
func TestEveryOptionChangesTheOutputWhereverItMayStand(t *testing.T) {
	const source = `package a

import (
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

type T struct {
	sup.Tree @sup.Tree@
	C sup.Child[*W] @sup.Child@
	K sup.Keyed[string, *W] @sup.Keyed@
	R sup.Replicas[*W] @sup.Replicas@
	N *N @nested trees@
	M mailbox.Mailbox[int] @mailbox.Mailbox@
}

type N struct{ sup.Tree }
`
	// What some options need in the same tag.
	needs := map[string]string{"significant": "transient", "factor": "backoff=1s", "jitter": "backoff=1s", "reset": "backoff=1s"}
	constructor := func(t *testing.T, place, tag string) string {
		var tree []string
		if place != "sup.Tree" && strings.Contains(tag, "significant") {
			tree = []string{"auto_shutdown=all_significant"}
		}
		if place == "sup.Tree" {
			tree = append(tree, tag)
		}
		text := strings.Replace(source, "@sup.Tree@", "`sup:\""+strings.Join(tree, ",")+"\"`", 1)
		text = strings.Replace(text, "@"+place+"@", "`sup:\""+tag+"\"`", 1)
		text = regexp.MustCompile("@.*@").ReplaceAllString(text, "`sup:\"\"`")
		output, faults := generate(t, []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		_, body, _ := strings.Cut(string(output), "func NewT(")
		body, _, _ = strings.Cut(body, "\n}\n")
		return body
	}
	for _, o := range gen.Options() {
		places := o.On
		if o.Default {
			places = append(places, "sup.Tree")
		}
		for _, place := range places {
			t.Run(fmt.Sprintf("%s on %s", o.Name, place), func(t *testing.T) {
				without := needs[o.Name]
				if constructor(t, place, without) == constructor(t, place, strings.TrimPrefix(without+","+o.Text, ",")) {
					t.Errorf("no effect: check the field of %s in the table of options, its value, and setOptions", o.Name)
				}
			})
		}
	}
}

func TestThePackageCommentHasTheTableOfOptions(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "gen.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	isChild := func(place string) bool { return place != "sup.Tree" && place != "mailbox.Mailbox" }
	for title, has := range map[string]func(gen.Option) bool{
		"On sup.Tree": func(o gen.Option) bool { return slices.Contains(o.On, "sup.Tree") },
		"On a child, and on sup.Tree as a default": func(o gen.Option) bool {
			return o.Default
		},
		"On a child": func(o gen.Option) bool { return !o.Default && slices.ContainsFunc(o.On, isChild) },
		"On a mailbox": func(o gen.Option) bool {
			return slices.Contains(o.On, "mailbox.Mailbox")
		},
	} {
		var table strings.Builder
		for _, o := range gen.Options() {
			if !has(o) {
				continue
			}
			doc := o.Doc
			if title == "On a child" {
				places := slices.DeleteFunc(slices.Clone(o.On), func(place string) bool { return !isChild(place) })
				if len(places) < 4 {
					doc += " (" + strings.Join(places, ", ") + ")"
				}
			}
			fmt.Fprintf(&table, "\t%-30s %s\n", o.Text, doc)
		}
		if !strings.Contains(file.Doc.Text(), table.String()) {
			t.Errorf("%s, the package comment should have:\n%s", title, "//"+strings.ReplaceAll(strings.TrimSuffix(table.String(), "\n"), "\n", "\n//"))
		}
	}
}
