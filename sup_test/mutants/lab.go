package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// A lab is a copy of the committed tree, in which mutants are compiled and
// tested. The copy never changes: an overlay tells the compiler which files of a
// mutant replace files of the tree, so several mutants can be built at a time.
type lab struct {
	dir  string // holds the files and binaries of single mutants
	tree string
}

// stages are the tests that are run against a mutant, in this order: the tests
// of the contract, the internal tests, and the model, which takes longest.
var stages = []stage{
	{"sup_test", []string{"-test.skip=Model"}},
	{"sup", nil},
	{"sup_test", []string{"-test.run=Model", "-test.short"}},
}

type stage struct {
	pkg   string
	flags []string
}

// newLab copies the tree, and checks that the tests pass without a mutant.
func newLab(dir string) (*lab, error) {
	l := &lab{dir: dir, tree: filepath.Join(dir, "tree")}
	archive, err := exec.Command("git", "archive", "HEAD").Output()
	if err != nil {
		return nil, fmt.Errorf("git archive: %w", err)
	}
	if err := unpack(archive, l.tree); err != nil {
		return nil, err
	}
	test, err := l.survives("none", nil, stages)
	if err != nil || test != "" {
		return nil, errors.Join(err, fmt.Errorf("without any mutant, the tests fail: %s", test))
	}
	return l, nil
}

func unpack(archive []byte, dir string) error {
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o777)
		case tar.TypeReg:
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, text, 0o666)
			}
		}
		if err != nil {
			return err
		}
	}
}

// examine returns the test that catches a mutant. If the list names one
// already, that test runs first.
func (l *lab) examine(m *mutant, id, known string) (test string, err error) {
	replace, err := l.mutate(m, id)
	if err != nil {
		return "", err
	}
	all := stages
	if known != "" {
		first := stage{"sup_test", []string{"-test.run=^" + known + "$", "-test.short"}}
		all = append([]stage{first}, stages...)
	}
	test, err = l.survives(id, replace, all)
	if err == nil && test == "" {
		err = errors.New("survived")
	}
	return test, err
}

// mutate writes the files of a mutant. It returns them by the files of the tree
// that they replace.
func (l *lab) mutate(m *mutant, id string) (map[string]string, error) {
	replace := make(map[string]string)
	for _, e := range m.edits {
		file := filepath.Join(l.tree, "sup", e.file)
		from := file
		if replace[file] != "" {
			from = replace[file]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		mutated, err := e.apply(string(text))
		if err != nil {
			return nil, err
		}
		replace[file] = filepath.Join(l.dir, id+"."+e.file)
		if err := os.WriteFile(replace[file], []byte(mutated), 0o666); err != nil {
			return nil, err
		}
	}
	return replace, nil
}

// survives runs tests with some files of the engine replaced. It returns the
// first test that fails, or "" if none does.
func (l *lab) survives(id string, replace map[string]string, stages []stage) (test string, err error) {
	compiled := make(map[string]bool)
	for _, s := range stages {
		binary := filepath.Join(l.dir, id+"."+s.pkg)
		if !compiled[s.pkg] {
			if err := l.compile(id, binary, s.pkg, replace); err != nil {
				return "", err
			}
			defer os.Remove(binary)
			compiled[s.pkg] = true
		}
		if test := l.fails(binary, s, s.flags...); test != "" {
			return test, nil
		}
	}
	return "", nil
}

// fails returns the first test that fails two times. On a busy machine a test
// may fail once for reasons of its own; the other tests are then run again.
func (l *lab) fails(binary string, s stage, flags ...string) string {
	test := l.run(binary, s, flags...)
	for range 2 {
		if test == "" || l.run(binary, s, "-test.run=^"+test+"$", "-test.short") != "" {
			return test
		}
		test = l.run(binary, s, "-test.skip=Model|^"+test+"$")
	}
	return test
}

// run runs tests and returns the first that fails, or "".
func (l *lab) run(binary string, s stage, flags ...string) string {
	c := exec.Command(binary, append([]string{"-test.v", "-test.failfast", "-test.timeout=60s"}, flags...)...)
	c.Dir = filepath.Join(l.tree, s.pkg)
	out, err := c.CombinedOutput()
	if err != nil {
		return failing(out)
	}
	return ""
}

// compile makes a test binary with some files of the engine replaced.
func (l *lab) compile(id, binary, pkg string, replace map[string]string) error {
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	file := filepath.Join(l.dir, id+".overlay")
	if err := os.WriteFile(file, overlay, 0o666); err != nil {
		return err
	}
	c := exec.Command("go", "test", "-c", "-overlay", file, "-o", binary, "./"+pkg)
	c.Dir = l.tree
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("does not compile: %s", out)
	}
	return nil
}

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	begun   = regexp.MustCompile(`(?m)^=== RUN +(\w+)`)
)

// failing returns the first test that the output reports as failed. If a crash
// ended all tests, it returns the last one that had begun.
func failing(out []byte) string {
	if m := failure.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	if all := begun.FindAllSubmatch(out, -1); len(all) > 0 {
		return string(all[len(all)-1][1])
	}
	return "an unknown test: " + string(out)
}
