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

// calm is a survey in virtual time: what is slow to read is not taken for hung.
var calm = config{readers: 8, patience: time.Second}

func withChaos(seed uint64) config {
	c := calm
	c.chaos = newChaos(seed)
	return c
}

// manyFiles are small files that differ.
func manyFiles(n int) fstest.MapFS {
	files := make(fstest.MapFS, n)
	for i := range n {
		text := fmt.Sprintf("package p%d\n\nimport \"fmt\"\n%sfunc f%d() {}\n", i%7, strings.Repeat("\n", i), i)
		files[fmt.Sprintf("dir%d/file%d.go", i%5, i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// read is the result of a plain loop.
func read(t *testing.T, source fs.FS) map[string]*report {
	t.Helper()
	reports, err := plainly(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

// survived runs a survey and returns everything that is known of it. Where a
// goroutine is left, the test fails.
func survived(t *testing.T, source fs.FS, c config) (s *survey, faults tally, quarantined map[string]string, err error) {
	t.Helper()
	c.observers = append(c.observers, &faults)
	s = newSurvey(source, c)
	infos, err := s.carryOut(t.Context(), func() {})
	quarantined = make(map[string]string)
	for _, info := range infos {
		quarantined[info.ID] = why(info.LastExit.Err)
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
				if diff := cmp.Diff(foretold(c.chaos, source), foretelling{faults, quarantined, s.restarts()}, cmp.AllowUnexported(tally{}, foretelling{})); diff != "" {
					t.Errorf("what went wrong (-planned +observed):\n%s", diff)
				}
			})
		})
	}
}

// foretelling is what must come of a chaos, to the last restart.
type foretelling struct {
	tally       tally
	quarantined map[string]string
	restarts    int
}

func foretold(c *chaos, source fs.FS) foretelling {
	f := foretelling{quarantined: make(map[string]string)}
	for path := range goFiles(source) {
		fault, broken := c.fault(path)
		if !broken {
			continue
		}
		again := 0 // how often it strikes the file's own worker
		if fault.stage == beforeCount {
			again = min(fault.times-1, 3) // at its start and two restarts
		}
		column := map[faultKind]*int{
			panics: &f.tally.panics, exits: &f.tally.goexits, fails: &f.tally.errors, hangs: &f.tally.hung,
		}
		*column[fault.kind] += 1 + again
		if fault.kind == hangs {
			f.tally.abandoned += 1 + again
		}
		f.restarts += 1 + min(again, 2)
		if again == 3 {
			f.quarantined[path] = map[faultKind]string{
				panics: "panic: chaos", exits: "runtime.Goexit called",
				fails: "chaos", hangs: "hung, and had to be abandoned",
			}[fault.kind]
		}
	}
	return f
}

func TestAPartOfTheStandardLibraryUnderChaos(t *testing.T) {
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
			t.Errorf("the result does not tell of chaos and verification:\n%s", &out)
		}
	})
}

// partlyUnreadable is a source in which some things cannot be opened.
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

func TestWhatCannotBeReadIsQuarantinedAndAllElseCounted(t *testing.T) {
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
		// Once in the pool, three times alone, three times after the operator's
		// restart, each of two.
		if want := (tally{errors: 14}); faults != want {
			t.Errorf("went wrong: %v, want %v", faults, want)
		}
	})
}

func TestNothingToWalkFailsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := run(t.Context(), os.DirFS(filepath.Join(t.TempDir(), "gone")), calm, nil, io.Discard)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v, want one that wraps fs.ErrNotExist", err)
		}
	})
}

func TestASurveyThatCannotBeIsRefused(t *testing.T) {
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

func TestACancelledSurveyStopsInOrderWithWhatItHas(t *testing.T) {
	source := manyFiles(300)
	synctest.Test(t, func(t *testing.T) {
		c := withChaos(1)
		c.patience = time.Hour // so that the survey is under way until it is cancelled
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

// shifting is a source in which the second look at a file shows another one.
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

func TestVerificationNoticesAnotherResult(t *testing.T) {
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
