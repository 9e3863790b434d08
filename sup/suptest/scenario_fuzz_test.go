package suptest

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Whatever text is accepted: what it prints is accepted too, and is the same.
func FuzzScenarios(f *testing.F) {
	for _, file := range []string{"testdata/scenarios.txt", "testdata/replay/mended.txt"} {
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
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ReadScenarios(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, sc := range first {
			b.WriteString(sc.String() + "\n")
		}
		second, err := ReadScenarios(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%v\n%q\nis printed as\n%q", err, text, b.String())
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%q\nis printed as\n%q\nwhich is another scenario", text, b.String())
		}
	})
}

func TestASetOfAScenarioIsBounded(t *testing.T) {
	const text = "scenario s\nsupervisor one_for_one 3/5s\n  child r permanent replicas 3/5s count=50000000 each permanent\nstart\n>\n"
	_, err := ReadScenarios(strings.NewReader(text))
	want := "suptest: line 3:35: child r: count=50000000: allowed are 0 to 100000\n" +
		"line 5: a trace with nothing in it: write \"> WORD PATH, …\", or leave the line out"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}
