package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/replay"
	"github.com/espalier-go/espalier/sup/suptest"
)

var update = flag.Bool("update", false, "write testdata/incident.txt anew")

// This is the test that a program keeps: each record in testdata is an incident that
// must not happen again.
func TestTheIncidentDoesNotComeBack(t *testing.T) {
	replay.Run(t, "testdata/*.jsonl", func(_ *testing.T, f *suptest.Faults) sup.AnySupervisor {
		if os.Getenv("INCIDENT") == "before" {
			return sup.New(suptest.Inject(f, shop(newBackend())))
		}
		return sup.New(suptest.Inject(f, mended(newBackend())))
	})
}

// The same test on the tree before it was mended.
func TestTheIncidentComesBackOnTheOldTree(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestTheIncidentDoesNotComeBack$")
	cmd.Env = append(os.Environ(), "INCIDENT=before")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the test passes:\n%s", out)
	}
	for _, want := range []string{"the tree fails again", "supervisor failed shop: abnormal: shop: more than 3 restarts in 5s", "die cache connection-reset-by-peer"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("missing %q in:\n%s", want, out)
		}
	}
}

func readRecord(t *testing.T) *flight.Record {
	t.Helper()
	f, err := os.Open("testdata/incident.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := flight.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The file incident.txt is the scenario of the record. Stand-ins and the old tree both
// behave as it says.
func TestTheScenarioIsWhatHappened(t *testing.T) {
	sc := replay.ScenarioOf(readRecord(t))
	if *update {
		if err := os.WriteFile("testdata/incident.txt", []byte(sc.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/incident.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), sc.String()); diff != "" {
		t.Errorf("the file (-) and the record (+), -update writes the file:\n%s", diff)
	}
	suptest.Run(t, sc.Play)
	suptest.Run(t, func(t *testing.T) {
		f := suptest.NewFaults(t)
		sc.PlayOn(t, f, sup.New(suptest.Inject(f, shop(newBackend()))))
	})
}

// The whole program runs in virtual time.
func TestTheOutageClosesTheOldShopOnly(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		want := map[bool]string{false: "the shop is closed: shop: more than 3 restarts in 5s", true: "the shop is open"}[fixed]
		file := filepath.Join(t.TempDir(), "record")
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			if err := happen(&out, fixed, file); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), want) {
				t.Errorf("mended %v: missing %q in:\n%s", fixed, want, out.String())
			}
		})
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := flight.Read(f); err != nil {
			t.Error(err)
		}
		f.Close()
	}
}
