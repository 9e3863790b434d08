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

// A Var shows the figures of a tree as a variable of package expvar, made from a
// snapshot each time. Nothing is published by itself:
//
//	expvar.Publish("sup", figures.Var{Tree: sup.Inspect(tree)})
type Var struct{ Tree sup.Inspector }

// String returns a JSON object: by name of the figure, its values by their
// labels, joined with blanks. The id of a child is written there as in paths, see
// [sup.ChildPath], and a blank within a label %20. Figures that are 0 are left out.
// The "sup.up" of the tree is 1. If the tree cannot be read within five seconds, the
// object has an "error" instead, and a "sup.up" of 0 without a label.
func (v Var) String() string {
	shown := make(map[string]any)
	if v.Tree == nil {
		shown[poll.Up], shown["error"] = map[string]int{"": 0}, "figures: a Var without a Tree: give it sup.Inspect of one"
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), poll.Patience)
		defer cancel()
		tree, err := poll.Snapshot(ctx, v.Tree)
		if err != nil {
			shown[poll.Up], shown["error"] = map[string]int{"": 0}, fmt.Sprint(err) // survives a method that panics
		} else {
			shown[poll.Up] = map[string]int{joined([]string{poll.Label(tree.Path)}): 1}
			byLabels(tree, shown)
		}
	}
	text, _ := json.Marshal(shown) // maps of numbers and texts always can be
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

// joined returns labels as one key, which no others have. In a path a percent sign
// of an id is escaped already; so it has to be in the id of a child before blanks
// are.
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
