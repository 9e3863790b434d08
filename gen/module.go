package gen

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Loader reads packages, each once. The zero Loader is ready to use; it is
// for one goroutine.
type Loader struct {
	read    map[string]*Package // as they were parsed, by directory
	checked map[string]*Package
	modules map[string]module // by directory of a package
}

// module is where a package's module is, if it is in one.
type module struct{ root, path string }

// parsed returns the package in a directory, which is not checked.
func (l *Loader) parsed(dir string) (*Package, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if p := l.read[dir]; p != nil {
		return p, nil
	}
	src, err := readDir(dir)
	if err != nil {
		return nil, err
	}
	if l.read == nil {
		l.read = make(map[string]*Package)
	}
	l.read[dir] = parse(src)
	return l.read[dir], nil
}

// foreign returns a tree of another package of the same module, not checked,
// or nil.
func (l *Loader) foreign(from *Package, imp *Import, name string) *Tree {
	dir, ok := l.dirOf(from, imp)
	if !ok {
		return nil
	}
	p, err := l.parsed(dir)
	if err != nil {
		return nil
	}
	for _, t := range p.Trees {
		if t.Name == name && !t.test {
			return t
		}
	}
	return nil
}

// dirOf returns the directory of an imported package, if that is of the module
// of the one that imports it.
func (l *Loader) dirOf(from *Package, imp *Import) (string, bool) {
	m := l.moduleOf(from.Dir)
	rest, ok := strings.CutPrefix(imp.Path, m.path)
	if m.path == "" || !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return filepath.Join(m.root, filepath.FromSlash(rest)), true
}

func (l *Loader) moduleOf(dir string) module {
	if m, ok := l.modules[dir]; ok {
		return m
	}
	if l.modules == nil {
		l.modules = make(map[string]module)
	}
	m := findModule(dir)
	l.modules[dir] = m
	return m
}

func findModule(dir string) module {
	root, err := filepath.Abs(dir)
	if err != nil {
		return module{}
	}
	for {
		if file, err := os.ReadFile(filepath.Join(root, "go.mod")); err == nil {
			return module{root, modulePath(file)}
		}
		parent := filepath.Dir(root)
		if parent == root {
			return module{}
		}
		root = parent
	}
}

// modulePath returns the path that a go.mod file gives, or "".
func modulePath(file []byte) string {
	for line := range bytes.Lines(file) {
		text, _, _ := strings.Cut(string(line), "//")
		fields := strings.Fields(text)
		if len(fields) != 2 || fields[0] != "module" {
			continue
		}
		if path, err := strconv.Unquote(fields[1]); err == nil {
			return path
		}
		return fields[1]
	}
	return ""
}
