package scenario

import (
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
)

// Scenarios print as text that reads as the same scenarios.
func FuzzScenarios(f *testing.F) {
	for _, file := range []string{"../../sup/replay/testdata/scenarios.txt", "../../sup/replay/testdata/replay/mended.txt", "../../sup_test/testdata/model.txt"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for _, one := range strings.Split(string(text), "\n\n") {
			f.Add(one)
		}
	}
	const head = "scenario s\nsupervisor one_for_one 3/5s\n"
	for _, line := range []string{
		"start\n>", "start\n> a, , b", "start\n> \n:", "start = ", "start =  ok = x", "#\n# c\nstart", "supervisor one_for_all unlimited auto=any_significant",
		"child a permanent keyed 3/5s", "child k permanent keyed unlimited max=3 significant each temporary fail=1..2:panic hang=3..3",
		"child r transient replicas 1/1s count=2 each permanent slow=1s stop=2s deaf badly", "child r permanent replicas 1/1s count=50000000",
		"child a permanent max=3", "child a permanent auto=all_significant", "child a permanent backoff=0s..1s", "child a permanent factor=2",
		"child a permanent backoff=1s..1m factor=NaN reset=1m", "child a permanent backoff=1s..1m factor=2 reset=1m", "child a permanent budget=-3/1s",
		"child a permanent supervisor rest_for_one 3/5s\nchild a/b temporary\nadd a/c transient = ok\n> init a/c\n: a up, a/b up",
		"supervisor one_for_one 3/5s keyed 1/1s", "supervisor one_for_one 3/5s significant", "pass 1h30m\ndie a error\nterminate %2C\nrelease\nstop",
		"child a permanent shutdown=infinity stuck=abandon timeout=1s", "child a permanent keyed 3/5s supervisor one_for_one 3/5s",
	} {
		f.Add(head + line)
	}
	f.Add("# c\nscenario s\nsupervisor one_for_one 3/5s\nchild k temporary keyed unlimited max=3 significant each transient fail=1..2:panic deaf\nadd k/x transient\npass 1s\n")
	f.Add(head + "add s transient supervisor rest_for_one 1/1s auto=any_significant\nbelow s/t permanent supervisor one_for_all 1/1s\nbelow s/t/a temporary\n> start s/t/a")
	f.Add(head + "child a permanent fail=1..2:exhausted ignore=2..3 hold=4..4 mute deaf\nstart\nboth a b\nlet a")
	f.Fuzz(func(t *testing.T, text string) {
		for name, read := range map[string]func(io.Reader) ([]*Scenario, error){"Read": Read, "ReadExtended": ReadExtended} {
			first, err := read(strings.NewReader(text))
			if err != nil {
				continue
			}
			var b strings.Builder
			for _, sc := range first {
				b.WriteString(sc.String() + "\n")
			}
			second, err := read(strings.NewReader(b.String()))
			if err != nil {
				t.Fatalf("%s: %v\n%q\nis printed as\n%q", name, err, text, b.String())
			}
			if !reflect.DeepEqual(first, second) {
				t.Fatalf("%s: %q\nis printed as\n%q\nwhich is another scenario", name, text, b.String())
			}
		}
	})
}
