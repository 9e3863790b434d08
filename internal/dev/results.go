package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

// results are the results of tests so far. Its methods are safe for concurrent use.
type results struct {
	mu       sync.Mutex
	packages int                 // that are tested; 0 while unknown
	done     int                 // packages with a result
	cached   int                 // of them, those whose result was cached
	running  map[string]*running // by the package
	builds   map[string][]string // output of builds, by the package that is built
	failed   []string            // packages and tests, in the order of their ends
}

// A running package has begun its tests and has no result yet.
type running struct {
	begin time.Time
	tests []string            // that have begun and not ended
	lines map[string][]string // by the test; "" for the package
}

func newResults(packages int) *results {
	return &results{packages: packages, running: make(map[string]*running), builds: make(map[string][]string)}
}

func (r *results) total(packages int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packages = packages
}

// add adds a line of go test -json, and returns what to print now, which may be empty.
func (r *results) add(line []byte) string {
	e, ok := parseEvent(line)
	if !ok {
		return strings.TrimRight(string(line), "\n")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
		return ""
	case "build-fail":
		text := strings.Join(r.builds[e.ImportPath], "")
		delete(r.builds, e.ImportPath)
		return strings.TrimRight(text, "\n")
	}
	p := r.running[e.Package]
	if p == nil {
		p = &running{begin: time.Now(), lines: make(map[string][]string)}
		r.running[e.Package] = p
	}
	switch e.Action {
	case "run":
		p.tests = append(p.tests, e.Test)
	case "output":
		if !isFrame(e.Output) {
			p.lines[e.Test] = append(p.lines[e.Test], e.Output)
		}
	case "pass", "skip", "fail":
		if e.Test == "" {
			return r.end(e, p)
		}
		p.tests = slices.DeleteFunc(p.tests, func(name string) bool { return name == e.Test })
		if e.Action == "fail" {
			r.failed = append(r.failed, e.Package+": "+e.Test)
		} else {
			delete(p.lines, e.Test)
		}
	}
	return ""
}

// isFrame reports whether go test prints a line only when it is verbose.
func isFrame(line string) bool {
	return strings.HasPrefix(line, "=== ")
}

// end ends a package, and returns what to print of it.
func (r *results) end(e testEvent, p *running) string {
	delete(r.running, e.Package)
	r.done++
	own := p.lines[""]
	if e.Action != "fail" {
		if e.Action == "skip" || len(own) == 0 {
			return "" // no tests
		}
		last := own[len(own)-1] // "ok", the package, and the time
		if strings.Contains(last, "(cached)") {
			r.cached++
		}
		return strings.TrimRight(last, "\n")
	}
	r.failed = append(r.failed, e.Package)
	var text strings.Builder
	for _, test := range slices.Sorted(maps.Keys(p.lines)) {
		if test != "" {
			text.WriteString(strings.Join(p.lines[test], ""))
		}
	}
	text.WriteString(strings.Join(own, ""))
	return strings.TrimRight(text.String(), "\n")
}

// status returns what is running, as one line.
func (r *results) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.running) == 0 {
		return fmt.Sprintf("%d of %d packages done; compiling", r.done, r.packages)
	}
	names := slices.SortedFunc(maps.Keys(r.running), func(a, b string) int {
		return r.running[a].begin.Compare(r.running[b].begin)
	})
	var now []string
	for _, name := range names {
		p := r.running[name]
		text := short(name) + " " + progress.Elapsed(time.Since(p.begin))
		if len(p.tests) > 0 {
			text += " (" + p.tests[len(p.tests)-1] + ")"
		}
		now = append(now, text)
	}
	return fmt.Sprintf("%d of %d packages done; running: %s", r.done, r.packages, strings.Join(now, ", "))
}

// short returns the import path of a package of this repository below the repository.
func short(path string) string {
	return strings.TrimPrefix(path, "github.com/espalier-go/espalier/")
}

// summary returns the result of all, and the names of the tests that failed.
func (r *results) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%d of %d packages done, %d of them cached", r.done, r.packages, r.cached)
	if len(r.failed) == 0 {
		return text
	}
	return "FAILED:\n\t" + strings.Join(r.failed, "\n\t") + "\n" + text
}
