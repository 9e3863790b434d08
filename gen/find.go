package gen

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Find returns the directories that patterns stand for, sorted: a directory as
// it is, one followed by /... with all below it. Of the latter only those are
// returned that may hold a tree or an output of supgen. As the go command does,
// it passes by directories called testdata or vendor, those whose names begin
// with a dot or an underscore, other modules, and what the go.mod file says is to
// be ignored.
func Find(patterns []string) ([]string, error) {
	var dirs []string
	for _, pattern := range patterns {
		root, recursive := strings.CutSuffix(filepath.ToSlash(pattern), "...")
		if recursive && (root == "" || strings.HasSuffix(root, "/")) {
			if root == "" {
				root = "."
			}
			below, err := findBelow(filepath.Clean(filepath.FromSlash(root)))
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, below...)
			continue
		}
		dir := filepath.Clean(pattern)
		info, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%s: not a directory: use the directory that contains the file", pattern)
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// search looks through a tree of directories with several goroutines.
type search struct {
	module  module
	pending sync.WaitGroup
	free    chan struct{} // a place for each goroutine

	mu    sync.Mutex
	found []string
	errs  []error
}

func findBelow(root string) ([]string, error) {
	s := &search{module: findModule(root), free: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
	s.dir(root)
	s.pending.Wait()
	return s.found, errors.Join(s.errs...)
}

// dir looks at a directory and then at those in it, in other goroutines as far
// as there are places.
func (s *search) dir(dir string) {
	if s.module.ignores(dir) {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errs = append(s.errs, err)
		return
	}
	if mayHoldTrees(dir, entries) {
		s.mu.Lock()
		s.found = append(s.found, dir)
		s.mu.Unlock()
	}
	for _, e := range entries {
		below := filepath.Join(dir, e.Name())
		if !e.IsDir() || isPassedBy(e.Name()) || isModule(below) {
			continue
		}
		select {
		case s.free <- struct{}{}:
			s.pending.Go(func() {
				s.dir(below)
				<-s.free
			})
		default:
			s.dir(below)
		}
	}
}

func isPassedBy(name string) bool {
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// isModule reports whether a directory has a go.mod, which, as to the go command, is
// whatever is no directory.
func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && !info.IsDir()
}

// mayHoldTrees reads the beginnings of the files in a directory, up to the end
// of their imports.
func mayHoldTrees(dir string, entries []fs.DirEntry) bool {
	for _, e := range entries {
		switch {
		case !isSource(e.Name()), !e.Type().IsRegular() && !isRegular(filepath.Join(dir, e.Name())):
		case e.Name() == outputName(false), e.Name() == outputName(true):
			return true
		case mentions(filepath.Join(dir, e.Name()), supPath):
			return true
		}
	}
	return false
}

// buffers are for the beginnings of files. Most imports end within one.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// mentions reports whether a file imports a package. Of a file that cannot be
// read it reports true, so that the error comes up where it can be told.
func mentions(path, imported string) bool {
	f, err := openRegular(path)
	if err != nil {
		return true
	}
	defer f.Close()
	buffer := buffers.Get().(*[4096]byte)
	defer buffers.Put(buffer)
	n, err := io.ReadFull(f, buffer[:])
	whole := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !whole {
		return true
	}
	found, certain := imports(buffer[:n], whole, imported)
	if certain {
		return found
	}
	src, err := readFile(path)
	if err != nil {
		return true
	}
	found, _ = imports(src, true, imported)
	return found
}
