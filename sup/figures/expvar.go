package figures

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Var shows the figures of a tree as a variable of package expvar, made from a
// snapshot each time. Nothing is published by itself:
//
//	expvar.Publish("sup", figures.Var{Tree: sup.Inspect(tree)})
type Var struct{ Tree sup.Inspector }

// patience is how long a Var waits for a tree that is reached over a network.
const patience = 5 * time.Second

// String returns a JSON object: by name of the figure, its values by their
// labels, joined with blanks. Figures that are 0 are left out. Should the tree not
// be reached, the object has an "error" instead.
func (v Var) String() string {
	shown := make(map[string]any)
	if v.Tree == nil {
		shown["error"] = "figures: a Var without a Tree: give it sup.Inspect of one"
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		tree, err := v.Tree.Tree(ctx, "")
		if err != nil {
			shown["error"] = err.Error()
		} else {
			byLabels(tree, shown)
		}
	}
	text, _ := json.Marshal(shown) // maps of numbers and texts always can be
	return string(text)
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
		values[strings.Join(p.Labels, " ")] = p.Value
	}
}
