package sup_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	otpScenarios = flag.Int("otp", 0, "how many random scenarios to run on Erlang's own supervisor")
	otpSeed      = flag.Int("otp.seed", 1, "the seed of the first of them")
	otpRecord    = flag.Bool("otp.record", false, "write testdata/otp*.txt anew, as Erlang's supervisor does it")
)

// recorded is how many random scenarios testdata holds.
const recorded = 200

// What Erlang's own supervisor did: otp.txt by hand, a scenario for each of the
// lines of the contract marked [otp], otp_random.txt at random.
var otpFiles = []string{"testdata/otp.txt", "testdata/otp_random.txt"}

func TestTheTracesOfErlangsSupervisorAreOurs(t *testing.T) {
	for _, file := range otpFiles {
		_, all := readScenarios(t, file)
		for _, sc := range all {
			t.Run(sc.name, func(t *testing.T) {
				if _, diff := sc.replay(t); diff != "" {
					t.Errorf("%s\n%s", sc.text(), diff)
				}
			})
		}
	}
}

// TestErlangsSupervisorDoesTheSame runs as many random scenarios as -otp says on
// Erlang's supervisor and on ours. See make otp.
func TestErlangsSupervisorDoesTheSame(t *testing.T) {
	if *otpScenarios < 1 {
		t.Skip("no scenarios: tell how many by -otp, or run make otp")
	}
	all := randomScenarios(*otpSeed, *otpScenarios)
	began := time.Now()
	if err := askErlang(t, all); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d scenarios, Erlang took %v", len(all), time.Since(began).Round(time.Second))
	steps, departed := 0, make(map[delta]int)
	for _, sc := range all {
		steps += len(sc.steps)
		d, diff := sc.replay(t)
		if diff != "" {
			t.Errorf("%s\n%s", sc.text(), diff)
		}
		departed[d]++
	}
	t.Logf("%d steps; the contract departs from OTP in %v", steps, departed)
}

func randomScenarios(seed, n int) (all []*otpCase) {
	for i := range n {
		sc := scenarios.Example(seed + i)
		sc.name = fmt.Sprintf("random-%d", seed+i)
		all = append(all, &otpCase{modelCase: sc})
	}
	return all
}

// TestTheTracesAreRecordedAnew writes the files of traces if it is told to.
func TestTheTracesAreRecordedAnew(t *testing.T) {
	if !*otpRecord {
		t.Skip("the traces stay as they are: -otp.record writes them anew")
	}
	for _, file := range otpFiles {
		comment, all := readScenarios(t, file)
		if file == otpFiles[1] {
			all = randomScenarios(1, recorded)
		}
		if err := askErlang(t, all); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString(comment)
		for _, sc := range all {
			b.WriteString("\n\n" + strings.TrimSpace(sc.text()))
		}
		if err := os.WriteFile(file, []byte(b.String()+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: recorded from Erlang/OTP %s", file, erlang())
	}
}
