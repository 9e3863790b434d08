package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// A Var is an expvar variable with the figures of a tree. It takes a snapshot each
// time it is read. The program publishes it:
//
//	expvar.Publish("sup", figures.Var{Tree: sup.Inspect(tree)})
type Var struct {
	Tree sup.Inspector // must not be nil
}

// String returns the figures as a JSON object, which maps the name of a figure to its
// values by labels. The labels of a value are joined by spaces. Within a label a space is
// %20, and the id of a child is escaped as in a path, see [sup.ChildPath]. Figures that
// are 0 are left out. The "sup.up" of the tree is 1. If the tree cannot be read within
// five seconds, the object has an "error", and a "sup.up" of 0 without a label.
func (v Var) String() string {
	shown := make(map[string]any)
	if v.Tree == nil {
		shown[poll.Up], shown["error"] = map[string]int{"": 0}, "figures.Var: nil Tree (set it to sup.Inspect(tree))"
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), poll.Timeout)
		defer cancel()
		tree, err := poll.Snapshot(ctx, v.Tree)
		if err != nil {
			shown[poll.Up], shown["error"] = map[string]int{"": 0}, fmt.Sprint(err) // Sprint survives an Error method that panics
		} else {
			shown[poll.Up] = map[string]int{joined([]string{poll.Label(tree.Path)}): 1}
			byLabels(tree, shown)
		}
	}
	text, _ := json.Marshal(shown) // cannot fail for maps of numbers and strings
	return string(termtext.JSON(text))
}

func byLabels(tree sup.SupervisorInfo, shown map[string]any) {
	for _, p := range Of(tree, time.Now()) {
		if p.Value == 0 {
			continue
		}
		name := metrics[p.Metric].Name
		values, ok := shown[name].(map[string]float64)
		if !ok {
			values = make(map[string]float64)
			shown[name] = values
		}
		values[joined(p.Labels)] = p.Value
	}
}

// joined returns labels as one unambiguous key. A path has escaped ids. The id of a
// child is escaped the same way first, so that its percent signs differ from those
// of %20.
func joined(labels []string) string {
	escaped := slices.Clone(labels)
	if len(escaped) > 1 {
		escaped[1] = sup.ChildPath("", escaped[1])[1:]
	}
	for i, label := range escaped {
		escaped[i] = strings.ReplaceAll(label, " ", "%20")
	}
	return strings.Join(escaped, " ")
}
