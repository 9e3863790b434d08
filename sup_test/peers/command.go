package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// measureCommand measures the process of supgen -check, less that of an empty program,
// in units of the empty program.
func measureCommand(r *report) {
	const runs = 40
	dir := must(os.MkdirTemp("", "command"))
	defer func() { _ = os.RemoveAll(dir) }()
	build := func(name, source string) string {
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", path, source)
		cmd.Stderr = os.Stderr
		check(cmd.Run())
		return path
	}
	nothing := filepath.Join(dir, "nothing.go")
	check(os.WriteFile(nothing, []byte("package main\n\nfunc main() {}\n"), 0o600))
	empty, supgen := build("empty", nothing), build("supgen", "github.com/espalier-go/espalier/cmd/supgen")
	took := func(args ...string) float64 {
		began := time.Now()
		check(exec.Command(args[0], args[1:]...).Run())
		return float64(time.Since(began))
	}
	var above, times, limits, whole []float64
	for i := range runs + 1 {
		none := took(empty)
		small := took(supgen, "-check", "service")
		if i > 0 {
			above, times, limits = append(above, (small-none)/none), append(times, small), append(limits, none)
		}
		if i%8 == 7 {
			whole = append(whole, took(supgen, "-check", "../../...")/1e6)
		}
	}
	r.row(row{
		What: "supgen -check, the process for a package with one tree, above an empty program", Ours: duration(spreadOf(times).Median),
		Limit: "empty program " + duration(spreadOf(limits).Median), Ratio: spreadOf(above), Target: 0.7,
	})
	all := spreadOf(whole)
	r.row(row{
		What: "supgen -check ./... of this repository, in milliseconds", Ours: fmt.Sprintf("%.0f ms", all.Median),
		Ratio: all, Target: 100,
	})
}
