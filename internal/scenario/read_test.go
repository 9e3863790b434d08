package scenario

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

func TestReadListsAllFaultsOfItsText(t *testing.T) {
	_, err := Read(strings.NewReader(`start
scenario s
supervisor one_for_none 3/5s
supervisor one_for_one many
child a
child a forever
child a permanent backoff=1s
child a permanent fail=3..2:error fail=1..1:sleep
child a permanent colour=red
child a permanent
child a permanent
child b/c permanent
child r permanent replicas
child k permanent keyed 3/5s each
jump a
die a
terminate
stop a
pass soon
pass -1s
add b
child c permanent each transient
child c permanent keyed 3x/5s
child c permanent keyed 3/5s max=3oops
child c permanent factor=2,5
child c permanent replicas 3/5s count=2.7
child c permanent fail=1..2x
`))
	if err == nil {
		t.Fatal("read")
	}
	for _, want := range []string{
		`line 1: "start" before the first "scenario NAME"`,
		`line 3: unknown strategy "one_for_none", want one_for_one, one_for_all, rest_for_one, one_for_dependents`,
		`line 4: invalid intensity "many", want one like 3/5s, or unlimited`,
		`line 5: want "child PATH RESTART ..."`,
		`line 6: child a: unknown restart policy "forever", want permanent, transient, temporary`,
		`line 7:19: child a: backoff=1s`,
		`line 8:19: child a: fail=3..2:error: invalid attempts "3..2", want a range like 2..3`,
		`line 9: child a: unknown word "colour=red"`,
		`line 11: child a: declared twice`,
		`line 12: child b/c: no supervisor "b" declared above`,
		`line 13: child r: replicas: missing intensity, such as 3/5s`,
		`line 14: child k: each: missing restart policy of the members`,
		`line 15: unknown command "jump"`,
		`line 16: want "die PATH HOW"`,
		`line 17: want "terminate PATH"`,
		`line 18: stop with an operand, want none`,
		`line 19: time: invalid duration "soon"`,
		`line 20: negative duration "-1s"`,
		`line 21: want "add PATH RESTART ..."`,
		`line 22: child c: each: no keyed or replicas before it`,
		`line 23: child c: invalid intensity "3x/5s", want one like 3/5s, or unlimited: invalid number "3x"`,
		`line 24:30: child c: max=3oops: invalid number "3oops"`,
		`line 25:19: child c: factor=2,5: invalid number "2,5"`,
		`line 26:33: child c: count=2.7: invalid number "2.7"`,
		`line 27:19: child c: fail=1..2x: invalid attempts "1..2x", want a range like 2..3`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	if _, err := Read(strings.NewReader("\n")); err == nil || !strings.Contains(err.Error(), "no scenario, want a line") {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestReadRefusesASetThatIsTooLarge(t *testing.T) {
	const text = "scenario s\nsupervisor one_for_one 3/5s\n  child r permanent replicas 3/5s count=50000000 each permanent\nstart\n>\n"
	_, err := Read(strings.NewReader(text))
	want := "line 3:35: child r: count=50000000: out of range, want 0 to 100000\n" +
		"line 5: empty trace, want \"> WORD PATH, ...\" or no line at all"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

// The scenarios of package sup's tests print as they are written.
func TestScenariosPrintAsTheyAreWritten(t *testing.T) {
	for _, file := range []string{"otp.txt", "otp_random.txt", "model.txt"} {
		content, err := os.ReadFile("../../sup_test/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(content), "\n\n")
		all, err := ReadExtended(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, sc := range all {
			b.WriteString(sc.String() + "\n")
		}
		if diff := cmp.Diff(text, strings.TrimSuffix(b.String(), "\n")); diff != "" {
			t.Errorf("%s: written (-) and printed (+):\n%s", file, diff)
		}
	}
}

func TestAnAddedSupervisorHasChildren(t *testing.T) {
	const text = `scenario s
supervisor one_for_one 3/5s
start
add b permanent supervisor rest_for_one 1/1s
below b/c permanent supervisor one_for_all 1/1s
below b/c/d transient slow=1s
`
	all, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := all[0].Find("b/c/d"); d == nil || d.Restart != sup.Transient {
		t.Errorf("b/c/d is %v", d)
	}
	if diff := cmp.Diff(text, all[0].String()); diff != "" {
		t.Errorf("written (-) and printed (+):\n%s", diff)
	}
	for line, want := range map[string]string{
		"below b/x/y permanent":                `line 7: below b/x/y: no supervisor "b/x" declared above`,
		"below c permanent":                    `line 7: below c: no supervisor "" declared above`,
		"below b/c permanent":                  "line 7: below b/c: declared twice",
		"below b/z":                            `line 7: want "below PATH RESTART ..."`,
		"stop\nbelow b/z permanent":            `line 8: "below" without an "add" of a supervisor before it`,
		"add w permanent\nbelow w/z permanent": `line 8: "below" without an "add" of a supervisor before it`,
	} {
		if _, err := Read(strings.NewReader(text + line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
	}
}

func TestOnlyReadExtendedKnowsTheWordsOfErlangsTraces(t *testing.T) {
	const head = "scenario s\nsupervisor one_for_one 3/5s\n"
	for line, want := range map[string]string{
		"child a permanent ignore=1..2":         `line 3: child a: unknown word "ignore=1..2"`,
		"child a permanent fail=1..2:exhausted": `line 3:19: child a: fail=1..2:exhausted: unknown failure "exhausted", want error, start, panic, goexit`,
		"let a":                                 `line 3: unknown command "let"`,
	} {
		if _, err := Read(strings.NewReader(head + line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
		if _, err := ReadExtended(strings.NewReader(head + line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
