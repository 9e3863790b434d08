package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/espalier-go/espalier/sup" // so that a change of sup runs the tests again
)

// uncompiled are blocks of Go whose info string says why no test compiles them.
var uncompiled = map[string]string{
	"go oversight": "its module is not on the module proxy",
}

var fence = regexp.MustCompile("(?ms)^```(go[^\n]*)\n(.*?)^```$")

func TestEveryProgramOnThesePagesCompiles(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	temp, here := t.TempDir(), mustAbs(t, ".")
	var packages []string
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range fence.FindAllStringSubmatch(string(text), -1) {
			info, code := block[1], block[2]
			if _, is := uncompiled[info]; is {
				continue
			}
			if info != "go" || !strings.HasPrefix(code, "package main\n") {
				t.Errorf("%s, block %d, ```%s: want ```go and a whole program", page, i+1, info)
				continue
			}
			name := fmt.Sprintf("%s_%d", strings.TrimSuffix(page, ".md"), i+1)
			source := filepath.Join(temp, name+".go")
			if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay.Replace[filepath.Join(here, name, page+".go")] = source
			packages = append(packages, "./"+name)
		}
	}
	if len(packages) < 8 {
		t.Errorf("only %d programs found", len(packages))
	}
	file := filepath.Join(temp, "overlay.json")
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", append([]string{"build", "-o", os.DevNull, "-overlay", file}, packages...)...).CombinedOutput()
	if err != nil {
		t.Errorf("go build: %v\n%s", err, out)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestEveryLinkToAFileHasItsFile(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(l[1]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
