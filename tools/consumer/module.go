package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// A published module is one that users can get: the root, or one that requires it. Those
// with replace lines are programs of this repository only.
type published struct {
	dir, sub string // sub is the directory within the repository
	file     *modfile.File
	content  []byte
	root     string // path of the root module
	version  string
}

func (m *published) path() string { return m.file.Module.Mod.Path }

// find returns the modules of a repository, the root first, all at the version
// at which they require each other.
func find(root string) ([]*published, error) {
	out, err := exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "--", "go.mod", "*/go.mod").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	first, err := read(root, ".")
	if err != nil {
		return nil, err
	}
	modules := []*published{first}
	for _, name := range strings.Fields(string(out)) {
		sub := filepath.Dir(name)
		if sub == "." {
			continue
		}
		m, err := read(root, sub)
		if errors.Is(err, os.ErrNotExist) { // it has been removed, and that is not committed yet
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(m.file.Replace) == 0 && m.requires(first.path()) {
			modules = append(modules, m)
		}
	}
	return modules, agree(modules)
}

func read(root, sub string) (*published, error) {
	m := &published{dir: filepath.Join(root, sub), sub: sub}
	name := filepath.Join(m.dir, "go.mod")
	var err error
	if m.content, err = os.ReadFile(name); err != nil {
		return nil, err
	}
	m.file, err = modfile.Parse(name, m.content, nil)
	return m, err
}

func (m *published) requires(path string) bool {
	for _, r := range m.file.Require {
		if r.Mod.Path == path {
			return true
		}
	}
	return false
}

// agree finds at which version the modules require each other: it has to be
// one.
func agree(modules []*published) error {
	root := modules[0].path()
	version, where := "", ""
	for _, m := range modules {
		for _, r := range m.file.Require {
			if r.Mod.Path != root && !strings.HasPrefix(r.Mod.Path, root+"/") {
				continue
			}
			at := fmt.Sprintf("%s:%d", m.file.Syntax.Name, r.Syntax.Start.Line)
			if version == "" {
				version, where = r.Mod.Version, at
			}
			if r.Mod.Version != version {
				return fmt.Errorf("%s requires %s, but %s requires %s: use one version", at, r.Mod.Version, where, version)
			}
		}
	}
	if version == "" {
		return fmt.Errorf("no module requires %s", root)
	}
	for _, m := range modules {
		m.root, m.version = root, version
	}
	return nil
}

// publish puts the module into a proxy, which is a directory.
func (m *published) publish(proxy string) (err error) {
	escaped, err := module.EscapePath(m.path())
	if err != nil {
		return err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for ending, content := range map[string]string{
		"list":              m.version + "\n",
		m.version + ".info": fmt.Sprintf(`{"Version":%q}`, m.version),
		m.version + ".mod":  string(m.content),
	} {
		if err := os.WriteFile(filepath.Join(dir, ending), []byte(content), 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, m.version+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return zip.CreateFromDir(f, module.Version{Path: m.path(), Version: m.version}, m.dir)
}
