package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bareParse is the limit for the benchmarks: a program that only parses the files that
// supgen reads. With -imports it parses the import declarations only.
const bareParse = `package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	mode := parser.SkipObjectResolution
	if len(os.Args) > 2 {
		mode |= parser.ImportsOnly
	}
	files := make(chan string, 100)
	var parsers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		parsers.Go(func() {
			for path := range files {
				if _, err := parser.ParseFile(token.NewFileSet(), path, nil, mode); err != nil {
					panic(err)
				}
			}
		})
	}
	root := os.Args[1]
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if d.IsDir() && path != root {
			if _, err := os.Lstat(filepath.Join(path, "go.mod")); err == nil ||
				name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
				return fs.SkipDir
			}
		}
		if strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".") {
			files <- path
		}
		return nil
	})
	close(files)
	parsers.Wait()
}
`

// programs builds supgen and the bare parser.
func programs(b *testing.B) (supgen, parser string) {
	b.Helper()
	dir := write(b, map[string]string{"parser.go": bareParse})
	supgen, parser = filepath.Join(dir, "supgen"), filepath.Join(dir, "parser")
	for _, args := range [][]string{{supgen, "."}, {parser, filepath.Join(dir, "parser.go")}} {
		if out, err := exec.Command("go", "build", "-o", args[0], args[1]).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	return supgen, parser
}

// contest runs commands in turn, so that the load of the machine affects all of them, and
// returns the median time of each.
func contest(b *testing.B, dir string, commands ...[]string) []time.Duration {
	times := make([][]time.Duration, len(commands))
	for b.Loop() {
		for i, args := range commands {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir = dir
			begin := time.Now()
			out, err := cmd.CombinedOutput()
			times[i] = append(times[i], time.Since(begin))
			if err != nil {
				b.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
	}
	medians := make([]time.Duration, len(commands))
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
	}
	b.ReportMetric(0, "ns/op")
	return medians
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// The package has one file, with a tree of five children. Its output is up to date.
func BenchmarkSmallPackage(b *testing.B) {
	supgen, parser := programs(b)
	source, err := os.ReadFile(filepath.Join("..", "..", "gen", "internal", "golden", "orders", "orders.go"))
	if err != nil {
		b.Fatal(err)
	}
	dir := write(b, map[string]string{"orders.go": string(source)})
	if out, err := exec.Command(supgen, dir).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	m := contest(b, dir, []string{supgen, "-version"}, []string{parser, "."}, []string{supgen, "-check"})
	b.ReportMetric(milliseconds(m[0]), "ms-start")
	b.ReportMetric(milliseconds(m[1]), "ms-parse")
	b.ReportMetric(milliseconds(m[2]), "ms-supgen")
	b.ReportMetric(milliseconds(m[2]-m[0]), "ms-beyond-start")
	b.ReportMetric(float64(m[2])/float64(m[1]), "x-of-parse")
}

// No file of the standard library has a tree. The benchmark measures how long supgen
// takes to find that out.
func BenchmarkStandardLibrary(b *testing.B) {
	supgen, parser := programs(b)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	m := contest(b, root, []string{parser, "."}, []string{parser, ".", "-imports"}, []string{supgen, "-check", "./..."})
	b.ReportMetric(milliseconds(m[0]), "ms-parse")
	b.ReportMetric(milliseconds(m[1]), "ms-parse-imports")
	b.ReportMetric(milliseconds(m[2]), "ms-supgen")
	b.ReportMetric(float64(m[2])/float64(m[0]), "x-of-parse")
	b.ReportMetric(float64(m[2])/float64(m[1]), "x-of-parse-imports")
}
