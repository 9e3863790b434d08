package debug_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// A new kind of event fails this test until the page knows it.
func TestThePageKnowsEveryKindOfEvent(t *testing.T) {
	file, err := os.ReadFile("page/kinds.js")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export const (\w+) = '(.*)';$`).FindAllStringSubmatch(string(file), -1) {
		known[m[1]] = m[2]
	}
	kinds := map[string]string{}
	for _, k := range sup.EventKinds() {
		first, second, _ := strings.Cut(k.String(), " ")
		kinds[first+strings.ToUpper(second[:1])+second[1:]] = k.String()
	}
	if diff := cmp.Diff(kinds, known); diff != "" {
		t.Errorf("page/kinds.js differs from sup/eventkind.go: add the kinds, and say in model.js, child.js and log.js "+
			"what the page does with their events, if more than to list them (-sup +page):\n%s", diff)
	}
}
