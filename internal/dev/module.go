package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"strings"
)

// A module is a module of this repository.
type module struct {
	path     string
	dir      string            // "." or a path below the repository, with slashes
	requires map[string]string // versions of other modules of this repository, by path
	replaces bool              // has replace lines
	uses     bool              // is the root module, or requires one of this repository
}

// published reports whether users can get the module. A module with replace lines is a
// program of this repository, and one that uses no other is a collection of tools.
func (m module) published() bool { return m.uses && !m.replaces }

// tag returns the git tag of a version of the module.
func (m module) tag(version string) string {
	if m.dir == "." {
		return version
	}
	return m.dir + "/" + version
}

// modules returns the modules of the repository in the current directory, the root first.
func modules(ctx context.Context) ([]module, error) {
	files, err := git(ctx, "ls-files", "--", "go.mod", "*/go.mod")
	if err != nil {
		return nil, err
	}
	var all []module
	for _, file := range strings.Fields(files) {
		text, err := output(ctx, "mod", "edit", "-json", file)
		if err != nil {
			return nil, err
		}
		var parsed struct {
			Module  struct{ Path string }
			Require []struct{ Path, Version string }
			Replace []struct{}
		}
		if err := json.Unmarshal([]byte(text), &parsed); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		m := module{path: parsed.Module.Path, dir: path.Dir(file), replaces: len(parsed.Replace) > 0, requires: make(map[string]string)}
		for _, r := range parsed.Require {
			m.requires[r.Path] = r.Version
		}
		if m.dir == "." {
			all = append([]module{m}, all...)
		} else {
			all = append(all, m)
		}
	}
	if len(all) == 0 || all[0].dir != "." {
		return nil, fmt.Errorf("no go.mod in the current directory: run this at the top of the repository")
	}
	own := make(map[string]bool)
	for _, m := range all {
		own[m.path] = true
	}
	for i, m := range all {
		for required := range m.requires {
			if !own[required] {
				delete(m.requires, required)
			}
		}
		all[i].uses = m.dir == "." || len(m.requires) > 0
	}
	return all, nil
}

// git returns what git prints.
func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimRight(string(out), "\n"), nil
}
