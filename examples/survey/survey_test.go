package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// calm is a config without faults. In virtual time, a slow read does not count as hung.
var calm = config{readers: 8, patience: time.Second}

func withChaos(seed uint64) config {
	c := calm
	c.chaos = newChaos(seed)
	return c
}

// manyFiles returns n different small files.
func manyFiles(n int) fstest.MapFS {
	files := make(fstest.MapFS, n)
	for i := range n {
		text := fmt.Sprintf("package p%d\n\nimport \"fmt\"\n%sfunc f%d() {}\n", i%7, strings.Repeat("\n", i), i)
		files[fmt.Sprintf("dir%d/file%d.go", i%5, i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// read returns the result of a plain loop.
func read(t *testing.T, source fs.FS) map[string]*report {
	t.Helper()
	reports, err := readInLoop(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

// survived runs a survey and returns all its results. In a bubble, a leaked goroutine
// fails the test.
func survived(t *testing.T, source fs.FS, c config) (s *survey, faults tally, quarantined map[string]string, err error) {
	t.Helper()
	c.observers = append(c.observers, &faults)
	s = newSurvey(source, c)
	infos, err := s.carryOut(t.Context(), func() {})
	quarantined = make(map[string]string)
	for _, info := range infos {
		quarantined[info.ID] = cause(info.LastExit.Err)
	}
	return s, faults, quarantined, err
}

func TestEachFileIsCountedOnceWhateverBreaks(t *testing.T) {
	source := manyFiles(300)
	want := read(t, source)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := withChaos(seed)
				s, faults, quarantined, err := survived(t, source, c)
				if err != nil {
					t.Fatal(err)
				}
				if differing := compare(s.files.Snapshot(), want); differing != nil {
					t.Errorf("differs from a plain loop in %q", differing)
				}
				if diff := cmp.Diff(expected(c.chaos, source), expectation{faults, quarantined, s.restarts()}, cmp.AllowUnexported(tally{}, expectation{})); diff != "" {
					t.Errorf("failures (-planned +observed):\n%s", diff)
				}
			})
		})
	}
}

// expectation is the exact result of a chaos, including the number of restarts.
type expectation struct {
	tally       tally
	quarantined map[string]string
	restarts    int
}

func expected(c *chaos, source fs.FS) expectation {
	f := expectation{quarantined: make(map[string]string)}
	for path := range goFiles(source) {
		fault, broken := c.fault(path)
		if !broken {
			continue
		}
		alone := 0 // failures of the file's own worker
		if fault.stage == beforeCount {
			alone = min(fault.times-1, 3) // at the start and two restarts
		}
		column := map[faultKind]*int{
			panics: &f.tally.panics, exits: &f.tally.goexits, fails: &f.tally.errors, hangs: &f.tally.hung,
		}
		*column[fault.kind] += 1 + alone
		if fault.kind == hangs {
			f.tally.abandoned += 1 + alone
		}
		f.restarts += 1 + min(alone, 2)
		if alone == 3 {
			f.quarantined[path] = map[faultKind]string{
				panics: "panic: chaos", exits: "runtime.Goexit called",
				fails: "chaos", hangs: "hung and abandoned",
			}[fault.kind]
		}
	}
	return f
}

func TestPartOfTheStandardLibraryUnderChaos(t *testing.T) {
	dir, err := standardLibrary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source := os.DirFS(filepath.Join(dir, "go"))
	synctest.Test(t, func(t *testing.T) {
		c := withChaos(3)
		c.verify = true
		var out bytes.Buffer
		if err := run(t.Context(), source, c, nil, &out); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "verified") || !strings.Contains(out.String(), "quarantined") {
			t.Errorf("the output does not have the chaos and the verification:\n%s", &out)
		}
	})
}

// partlyUnreadable is a source with files and directories that cannot be opened.
type partlyUnreadable struct {
	fs.FS
	locked map[string]bool
}

func (p partlyUnreadable) Open(name string) (fs.File, error) {
	if p.locked[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return p.FS.Open(name)
}

func TestAnUnreadableFileIsQuarantinedAndAllOthersAreCounted(t *testing.T) {
	source := partlyUnreadable{manyFiles(50), map[string]bool{"dir1": true, "dir2/file7.go": true}}
	synctest.Test(t, func(t *testing.T) {
		s, faults, quarantined, err := survived(t, source, calm)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"dir1":          "open dir1: permission denied",
			"dir2/file7.go": "open dir2/file7.go: permission denied",
		}
		if diff := cmp.Diff(want, quarantined); diff != "" {
			t.Errorf("quarantined (-want +got):\n%s", diff)
		}
		if got := summarize(s.files.Snapshot()); got.files != 39 || got.unread != 2 {
			t.Errorf("counted %d files and left out %d, want 39 and 2", got.files, got.unread)
		}
		if differing := compare(s.files.Snapshot(), read(t, source)); differing != nil {
			t.Errorf("differs from a plain loop in %q", differing)
		}
		// Each of two files fails once in the pool, three times alone, and three times
		// after the operator's restart.
		if want := (tally{errors: 14}); faults != want {
			t.Errorf("failures: %v, want %v", faults, want)
		}
	})
}

func TestAMissingDirectoryFailsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := run(t.Context(), os.DirFS(filepath.Join(t.TempDir(), "gone")), calm, nil, io.Discard)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v, want one that wraps fs.ErrNotExist", err)
		}
	})
}

func TestAnInvalidConfigIsRefused(t *testing.T) {
	for _, test := range []struct {
		c    config
		want string
	}{
		{config{readers: 0, patience: time.Second}, "Count: is 0"},
		{config{readers: 1, patience: 0}, "patience of 0s: use 10ms or more"},
		{config{readers: 1, patience: -time.Second}, "patience of -1s: use 10ms or more"},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := run(t.Context(), manyFiles(1), test.c, nil, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

func TestACancelledSurveyHasAPartialResult(t *testing.T) {
	source := manyFiles(300)
	synctest.Test(t, func(t *testing.T) {
		c := withChaos(1)
		c.patience = time.Hour // so that the survey does not end before the cancellation
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		time.AfterFunc(time.Minute, func() { cancel(enough) })
		s := newSurvey(source, c)
		_, err := s.carryOut(ctx, func() {})
		if !errors.Is(err, enough) {
			t.Errorf("error %v, want %v", err, enough)
		}
		reports := s.files.Snapshot()
		got := summarize(reports)
		if got.files == 0 || got.unread == 0 || got.files+got.unread != 300 {
			t.Errorf("%d files read and %d not, want some of both, and 300 in all", got.files, got.unread)
		}
		want := read(t, source)
		for path, r := range reports {
			if r != nil && !cmp.Equal(r, want[path], cmp.AllowUnexported(report{}, function{})) {
				t.Errorf("%s: the partial result differs from a plain loop's", path)
			}
		}
	})
}

// shifting is a source with a file that changes after the first read.
type shifting struct {
	fstest.MapFS
	opened atomic.Int32
}

func (s *shifting) Open(name string) (fs.File, error) {
	if name == "dir0/file0.go" && s.opened.Add(1) > 1 {
		return fstest.MapFS{name: {Data: []byte("package other\n")}}.Open(name)
	}
	return s.MapFS.Open(name)
}

func (s *shifting) ReadFile(name string) ([]byte, error) {
	return fs.ReadFile(struct{ fs.FS }{s}, name)
}

func TestVerificationFindsAnotherResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm
		c.verify = true
		if err := run(t.Context(), &shifting{MapFS: manyFiles(20)}, c, nil, io.Discard); !errors.Is(err, errDiffers) {
			t.Errorf("error %v, want %v", err, errDiffers)
		}
	})
}

func TestCompareFindsEveryDifference(t *testing.T) {
	one, other := &report{pkg: "p", lines: 1}, &report{pkg: "p", lines: 2}
	a := map[string]*report{"same.go": one, "changed.go": one, "unread.go": nil, "only in a.go": nil, "read in b.go": nil}
	b := map[string]*report{"same.go": {pkg: "p", lines: 1}, "changed.go": other, "unread.go": nil, "only in b.go": one, "read in b.go": one}
	got := compare(a, b)
	slices.Sort(got)
	if want := []string{"changed.go", "only in a.go", "only in b.go", "read in b.go"}; !slices.Equal(got, want) {
		t.Errorf("differences %q, want %q", got, want)
	}
}
