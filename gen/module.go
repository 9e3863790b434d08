package gen

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
)

// A Loader reads packages, each once. The zero Loader is ready to use. A Loader must not
// be used by several goroutines at once.
type Loader struct {
	read    map[string]*Package // parsed, by directory
	checked map[string]*Package // parsed and checked, by directory
	modules map[string]module   // by directory of a package
}

// module is the module of a package. The zero module stands for none.
type module struct {
	root, path string
	ignored    []string // ignore directives
}

// parsed returns the package in a directory, which need not have trees. The package is
// not checked.
func (l *Loader) parsed(dir string) (*Package, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if p := l.read[dir]; p != nil {
		return p, nil
	}
	src, err := readDir(dir, true)
	if err != nil {
		return nil, err
	}
	if l.read == nil {
		l.read = make(map[string]*Package)
	}
	l.read[dir] = parse(src)
	return l.read[dir], nil
}

// foreign returns a tree of another package of the same module, or nil. The tree is not
// checked.
func (l *Loader) foreign(from *Package, imp *importedPackage, name string) *Tree {
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

// dirOf returns the directory of an imported package. ok is false if the package is not
// in the module of the importing package.
func (l *Loader) dirOf(from *Package, imp *importedPackage) (dir string, ok bool) {
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
		if isModule(root) {
			// A go.mod that cannot be read ends the search too.
			file, _ := readFile(filepath.Join(root, "go.mod"))
			return readModule(root, file)
		}
		parent := filepath.Dir(root)
		if parent == root {
			return module{}
		}
		root = parent
	}
}

// readModule reads a go.mod file.
func readModule(root string, file []byte) module {
	m := module{root: root, ignored: directives(file, "ignore")}
	if path := directives(file, "module"); len(path) > 0 {
		m.path = path[0]
	}
	return m
}

// directives returns the arguments of all directives of a kind in a go.mod file, on
// single lines and in blocks. The directive must take one argument.
func directives(file []byte, kind string) []string {
	var all []string
	block := ""
	for line := range bytes.Lines(file) {
		text, _, _ := strings.Cut(string(line), "//")
		text = strings.TrimSpace(text)
		if opened, ok := strings.CutSuffix(text, "("); ok {
			block = strings.TrimSpace(opened) + " "
			continue
		}
		if text == ")" {
			block = ""
			continue
		}
		after, ok := strings.CutPrefix(block+text, kind)
		argument := strings.TrimSpace(after)
		if !ok || argument == "" || argument == after {
			continue
		}
		if unquoted, err := strconv.Unquote(argument); err == nil {
			argument = unquoted
		}
		all = append(all, argument)
	}
	return all
}

// ignores reports whether an ignore directive of go.mod matches a directory or one of
// its parents. A path that begins with ./ is relative to the root of the module. Any
// other path matches anywhere in the module.
func (m module) ignores(dir string) bool {
	if len(m.ignored) == 0 {
		return false
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	below, err := filepath.Rel(m.root, absolute)
	if err != nil {
		return false
	}
	below = betweenSlashes(filepath.ToSlash(below))
	for _, path := range m.ignored {
		fromRoot, isFromRoot := strings.CutPrefix(path, "./")
		at := strings.Index(below, betweenSlashes(fromRoot))
		if at == 0 || at > 0 && !isFromRoot {
			return true
		}
	}
	return false
}

func betweenSlashes(path string) string { return "/" + strings.Trim(path, "/") + "/" }
