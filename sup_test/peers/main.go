// Command peers measures espalier against the physical limit, which is the same
// work without a supervisor, and beside its peers. It prints a table with
// instructions for reading it to standard output, and its progress to standard
// error.
//
//	go run . [-run REGEXP] [-hurry]
//	go run . -group NAME [-cpuprofile FILE] [-mutexprofile FILE]
package main

import (
	_ "embed"
	"encoding/gob"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"
)

//go:embed reading.md
var reading string

//go:embed service.md
var aboutService string

// groups are the rows of the table, grouped by what is measured together.
var groups = []struct {
	name    string
	measure func(r *report)
}{
	{"start", measureStart},
	{"crowd", measureCrowd},
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
	{"onlookers", measureOnlookers},
	{"kv", measureKV},
	{"mailbox", measureMailbox},
	{"generated", measureGenerated},
	{"generator", measureGenerator},
	{"command", measureCommand},
	{"service", measureService},
}

func main() {
	run := flag.String("run", "", "measure only the groups whose name matches this `regexp`")
	alone := flag.String("group", "", "measure one `group` and write its rows in gob, which is what the command does for each")
	inhabitant := flag.String("bytes", "", "print the bytes in use for one of a million idle `children`, and no table")
	profile := flag.String("cpuprofile", "", "with -group: write a CPU profile to this `file`")
	mutexes := flag.String("mutexprofile", "", "with -group: write a profile of the waits for mutexes to this `file`")
	flag.BoolVar(&hurry, "hurry", false, "take half the time")
	flag.Parse()
	switch {
	case *inhabitant != "":
		printBytes(*inhabitant)
	case *alone != "":
		if *profile != "" {
			file := must(os.Create(*profile))
			check(pprof.StartCPUProfile(file))
			defer pprof.StopCPUProfile()
		}
		if *mutexes != "" {
			file := must(os.Create(*mutexes))
			runtime.SetMutexProfileFraction(1)
			defer func() { check(pprof.Lookup("mutex").WriteTo(file, 0)) }()
		}
		check(gob.NewEncoder(os.Stdout).Encode(measureGroup(*alone)))
	default:
		wanted, err := regexp.Compile(*run)
		if err != nil {
			fmt.Fprintln(os.Stderr, "peers: -run:", err)
			os.Exit(2)
		}
		printPage(wanted)
	}
}

func measureGroup(name string) []row {
	r := &report{otp: startOTP()}
	defer r.otp.close()
	for _, g := range groups {
		if g.name == name {
			g.measure(r)
		}
	}
	return r.rows
}

// plenty is the time after which a run hurries.
const plenty = 5 * time.Minute

// printPage measures each group in a process of its own, because the runtime
// keeps the memory of dead goroutines. After a million of them each collection
// takes long.
func printPage(wanted *regexp.Regexp) {
	began, on := time.Now(), machine()
	var rows []row
	for _, g := range groups {
		if !wanted.MatchString(g.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "== %s (after %v)\n", g.name, time.Since(began).Round(time.Second))
		cmd := exec.Command(must(os.Executable()), "-group", g.name,
			fmt.Sprintf("-hurry=%t", hurry || time.Since(began) > plenty))
		cmd.Stderr = os.Stderr
		out := must(cmd.StdoutPipe())
		check(cmd.Start())
		var more []row
		check(gob.NewDecoder(out).Decode(&more))
		check(cmd.Wait())
		rows = append(rows, more...)
	}
	fmt.Print(reading)
	fmt.Printf("\n## A run\n\n%s.\n", on)
	if release := otpRelease(); release != "" {
		fmt.Printf("Erlang/OTP %s.\n\n", release)
	} else {
		fmt.Print("Erlang is not installed: the column OTP is empty.\n\n")
	}
	isOfService := func(r row) bool { return r.Section != "" }
	printTable(os.Stdout, slices.DeleteFunc(slices.Clone(rows), isOfService))
	fmt.Printf("\n## A service\n\n%s\n", aboutService)
	printTable(os.Stdout, slices.DeleteFunc(rows, func(r row) bool { return !isOfService(r) }))
	fmt.Printf("\nTook %v.\n", time.Since(began).Round(time.Second))
}
