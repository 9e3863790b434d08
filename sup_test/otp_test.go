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
	otpScenarios = flag.Int("otp", 0, "the number of random scenarios to run on Erlang's own supervisor")
	otpSeed      = flag.Int("otp.seed", 1, "the seed of the first random scenario")
	otpRecord    = flag.Bool("otp.record", false, "trace Erlang's supervisor and write testdata/otp*.txt")
)

// recorded is the number of random scenarios in testdata.
const recorded = 200

// otpFiles are traces of Erlang's supervisor. The scenarios of otp.txt are written by
// hand, at least one for each line of the contract marked [otp]. The scenarios of
// otp_random.txt are random.
var otpFiles = []string{"testdata/otp.txt", "testdata/otp_random.txt"}

func TestTheEngineDoesWhatErlangsSupervisorDid(t *testing.T) {
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

// TestErlangsSupervisorDoesWhatTheEngineDoes runs random scenarios, as many as -otp says, on
// Erlang's supervisor and on the engine. See make otp.
func TestErlangsSupervisorDoesWhatTheEngineDoes(t *testing.T) {
	if *otpScenarios < 1 {
		t.Skip("no random scenarios without -otp N; see make otp")
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

// TestRecordTheTracesOfErlangsSupervisor writes the files of traces with -otp.record.
func TestRecordTheTracesOfErlangsSupervisor(t *testing.T) {
	if !*otpRecord {
		t.Skip("no traces are written without -otp.record")
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
