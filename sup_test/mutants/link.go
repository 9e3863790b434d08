package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A linker makes the test binary of sup_test with another engine in it. The
// tests are compiled once, which takes ten times as long as the engine; this is
// sound as long as the engine exports the same to them, and the linker of Go
// checks that it does. Without inlining (-l), what is in the functions of the
// engine is not part of that.
type linker struct {
	lab     *lab
	archive map[string]string // the compiled packages, by import path
	main    string            // that of the test binary
	files   []string          // of the engine
}

const enginePath = "github.com/espalier-go/espalier/sup"

// errMismatch: the tests have to be compiled too.
var errMismatch = errors.New("the engine exports something else")

// newLinker compiles the tests.
func newLinker(l *lab) (*linker, error) {
	format := `{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}`
	out, err := l.command("go", "list", "-export", "-deps", "-test", "-gcflags="+enginePath+"=-l", "-f", format, "./sup_test").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	k := &linker{lab: l, archive: make(map[string]string)}
	for line := range strings.Lines(string(out)) {
		path, archive, _ := strings.Cut(strings.TrimSpace(line), "=")
		path, _, _ = strings.Cut(path, " ") // [of which test it is a variant]
		k.archive[path] = archive
		k.main = archive // comes last
	}
	out, err = l.command("go", "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}`, "./sup").Output()
	k.files = strings.Fields(string(out))
	return k, err
}

// link makes a binary whose engine has some files replaced.
func (k *linker) link(id, binary string, replace map[string]string) error {
	name := filepath.Join(k.lab.dir, id)
	defer os.Remove(name + ".a")
	config := name + ".packages"
	if err := k.writeConfig(config, maps.Clone(k.archive)); err != nil {
		return err
	}
	var files, names []string
	for _, file := range k.files {
		if other := replace[file]; other != "" {
			names = append(names, other+"=>"+file)
			file = other
		}
		files = append(files, file)
	}
	args := append([]string{
		"tool", "compile", "-o", name + ".a", "-p", enginePath, "-complete", "-l", "-pack",
		"-importcfg", config, "-trimpath", strings.Join(names, ";"),
	}, files...)
	if out, err := k.lab.command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("it does not compile: %s", out)
	}
	packages := maps.Clone(k.archive)
	packages[enginePath] = name + ".a"
	if err := k.writeConfig(config, packages); err != nil {
		return err
	}
	out, err := k.lab.command("go", "tool", "link", "-importcfg", config, "-s", "-w", "-o", binary, k.main).CombinedOutput()
	if bytes.Contains(out, []byte("fingerprint mismatch")) {
		return errMismatch
	}
	if err != nil {
		return fmt.Errorf("it does not link: %s", out)
	}
	return nil
}

func (k *linker) writeConfig(file string, packages map[string]string) error {
	var b bytes.Buffer
	for path, archive := range packages {
		fmt.Fprintf(&b, "packagefile %s=%s\n", path, archive)
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}

// command is a command in the copied tree.
func (l *lab) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = l.tree
	return c
}
