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

// Find returns the directories that match patterns, sorted. A pattern is a directory,
// or a directory followed by /... for the directories below it that may hold a tree or
// an output of supgen. Like the go command, Find ignores directories named testdata or
// vendor, names that begin with a dot or an underscore, other modules, and the ignore
// directives of go.mod.
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

// search walks a tree of directories with several goroutines.
type search struct {
	module  module
	pending sync.WaitGroup
	free    chan struct{} // a slot for each goroutine

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

// dir searches a directory and those below it, in other goroutines while slots are
// free.
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
		if !e.IsDir() || isExcluded(e.Name()) || isModule(below) {
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

func isExcluded(name string) bool {
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// isModule reports whether a directory has a go.mod. Like the go command, it accepts
// everything except a directory.
func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && !info.IsDir()
}

// mayHoldTrees reports whether a directory has an output of supgen or a file that
// imports sup. It reads no further than the imports.
func mayHoldTrees(dir string, entries []fs.DirEntry) bool {
	for _, e := range entries {
		switch {
		case !isSource(e.Name()), !e.Type().IsRegular() && !isRegular(filepath.Join(dir, e.Name())):
		case e.Name() == outputName(false), e.Name() == outputName(true):
			return true
		case mayImport(filepath.Join(dir, e.Name()), supPath):
			return true
		}
	}
	return false
}

// buffers hold the beginnings of files. The imports of most files fit in one.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// mayImport reports whether a file imports a package. It also reports true for a file
// that cannot be read, so that Load reports the error.
func mayImport(path, imported string) bool {
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
	if found && certain {
		return true
	}
	if whole {
		return mayHaveInterfaces(buffer[:n])
	}
	src, err := readFile(path)
	if err != nil {
		return true
	}
	if !certain {
		found, _ = imports(src, true, imported)
	}
	return found || mayHaveInterfaces(src)
}
