package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, elements ...string) {
	t.Helper()
	path := filepath.Join(elements...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(path), 0o644); err != nil {
		t.Fatal(err)
	}
}

// files returns the files below a directory.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func expect(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds\n%q, want\n%q", filepath.Base(dir), got, want)
	}
}

func TestRunsShareWhatNeverChangesAndNothingElse(t *testing.T) {
	const own = "example.com/ours/it"
	caches := filepath.Join(t.TempDir(), "caches")
	newRun := func() *cache {
		t.Helper()
		c, err := newCache(t.Context(), caches, own)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := newRun(), newRun()
	for _, c := range []*cache{one, two} {
		expect(t, c.modules())
		write(t, c.modules(), "example.com/ours/it@v0.1.0/it.go")
		write(t, c.modules(), "example.com/ours/it/sub@v0.1.0/sub.go")
		write(t, c.modules(), "example.com/ours/iterators@v1.0.0/i.go")
		write(t, c.modules(), "cache/lock")
		write(t, c.modules(), "cache/download/example.com/ours/it/@v/v0.1.0.zip")
		write(t, c.modules(), "cache/download/example.com/ours/iterators/@v/v1.0.0.lock")
		write(t, c.modules(), "cache/download/example.com/ours/iterators/@v/v1.0.0.zip")
	}
	write(t, two.modules(), "example.com/two@v1.0.0/sub/two.go")
	write(t, two.modules(), "cache/download/example.com/ours/iterators/@v/v1.1.0.zip")
	for _, c := range []*cache{one, two} {
		if err := c.keep(); err != nil {
			t.Error(err)
		}
	}
	third := newRun()
	want := []string{
		"cache/download/example.com/ours/iterators/@v/v1.0.0.zip",
		"cache/download/example.com/ours/iterators/@v/v1.1.0.zip",
		"example.com/ours/iterators@v1.0.0/i.go",
		"example.com/two@v1.0.0/sub/two.go",
	}
	expect(t, third.modules(), want...)
	for _, c := range []*cache{one, two, third} {
		if err := c.remove(); err != nil {
			t.Error(err)
		}
	}
	expect(t, filepath.Join(caches, "espalier-consumer"), want...)
	if left, err := os.ReadDir(caches); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWhatAKilledRunHasLeftIsRemoved(t *testing.T) {
	caches := t.TempDir()
	killed, runs := filepath.Join(caches, "espalier-consumer.run1"), filepath.Join(caches, "espalier-consumer.run2")
	write(t, killed, "modules/x")
	write(t, runs, "modules/x")
	long := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(killed, long, long); err != nil {
		t.Fatal(err)
	}
	c, err := newCache(t.Context(), caches, "example.com/ours")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.remove(); err != nil {
		t.Error(err)
	}
	expect(t, caches, "espalier-consumer.run2/modules/x")
}
