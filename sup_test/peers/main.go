// Command peers measures espalier against the physical limit, what the same
// would cost without a supervisor, and beside its peers. It prints a table, and
// how to read it, to the standard output; what it is doing, to the standard
// error.
//
//	go run . [-run REGEXP] [-cpuprofile FILE]
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime/pprof"
	"time"
)

//go:embed reading.md
var reading string

// groups are the rows of the table, by what is measured together.
var groups = []struct {
	name    string
	measure func(r *report)
}{
	{"start", measureStart},
	{"restart", measureRestart},
	{"siblings", measureSiblings},
	{"storm", measureStorm},
	{"churn", measureChurn},
	{"stop", measureStop},
	{"round", measureRound},
	{"bytes", measureBytes},
	{"get", measureGet},
	{"snapshot", measureSnapshot},
	{"observers", measureObservers},
	{"kv", measureKV},
	{"generated", measureGenerated},
	{"generator", measureGenerator},
}

func main() {
	run := flag.String("run", "", "measure only the groups whose name matches this `regexp`")
	inhabitant := flag.String("bytes", "", "print the bytes in use for one of a million idle `children`, and no table")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this `file`")
	flag.Parse()
	if *inhabitant != "" {
		printBytes(*inhabitant)
		return
	}
	wanted, err := regexp.Compile(*run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers: -run:", err)
		os.Exit(2)
	}
	if *profile != "" {
		file := must(os.Create(*profile))
		check(pprof.StartCPUProfile(file))
		defer pprof.StopCPUProfile()
	}
	began, on := time.Now(), machine()
	r := &report{out: os.Stdout, otp: startOTP()}
	defer r.otp.close()
	for _, g := range groups {
		if wanted.MatchString(g.name) {
			fmt.Fprintf(os.Stderr, "== %s (after %v)\n", g.name, time.Since(began).Round(time.Second))
			g.measure(r)
		}
	}
	fmt.Print(reading)
	fmt.Printf("\n## A run\n\n%s.\n\n", on)
	if r.otp == nil {
		fmt.Print("Erlang is not installed: the column OTP is empty.\n\n")
	} else {
		fmt.Printf("Erlang/OTP %s.\n\n", r.otp.release)
	}
	r.print()
	fmt.Printf("\nTook %v.\n", time.Since(began).Round(time.Second))
}
