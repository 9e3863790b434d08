package sup

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// A new kind is a constant and a row of the table. What else shows kinds reads the table,
// or has a test of its own.
func TestEveryEventKindHasARow(t *testing.T) {
	_, files, _ := typeCheck(t)
	var constants []string
	ast.Inspect(files["eventkind.go"], func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is && spec.Type == nil && len(spec.Values) == 0 {
			constants = append(constants, spec.Names[0].Name)
		}
		return true
	})
	constants = slices.DeleteFunc(constants, func(name string) bool { return name == "_" })
	if len(constants) != len(EventKinds()) {
		t.Errorf("%d constants and %d rows: add a row to eventKinds in eventkind.go for each of\n%s",
			len(constants), len(EventKinds()), strings.Join(constants, "\n"))
	}
	seen := map[string]bool{}
	for i, k := range EventKinds() {
		name := k.String()
		if words := strings.Fields(name); len(words) != 2 || seen[name] || words[0] != "child" && words[0] != "supervisor" && words[0] != "observer" {
			t.Errorf("the name of kind %d is %q: want a new one of two words, such as \"child ready\", in eventKinds", i+1, name)
		}
		if i < len(constants) && strings.ToLower(constants[i]) != strings.ReplaceAll(name, " ", "") {
			t.Errorf("the name of %s is %q: keep the rows of eventKinds in the order of the constants", constants[i], name)
		}
		seen[name] = true
	}
}

func TestTheTextOfAnUnknownValueIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"levitating":    `"levitating" is not a sup.State, want idle, starting, running, restarting, stopping, stuck, stopped, quarantined`,
		"sup.State(31)": `"sup.State(31)" is not a sup.State, want idle, starting, running, restarting, stopping, stuck, stopped, quarantined`,
		"":              `"" is not a sup.State, want idle, starting, running, restarting, stopping, stuck, stopped, quarantined`,
	} {
		s := StateStuck
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want || s != StateStuck {
			t.Errorf("%q: %v, %v; want %s", text, s, err, want)
		}
	}
	for _, k := range append(EventKinds(), 0) {
		text, _ := k.MarshalText()
		if got := EventKind(99); got.UnmarshalText(text) != nil || got != k {
			t.Errorf("%v is read as %v", k, got)
		}
	}
}
