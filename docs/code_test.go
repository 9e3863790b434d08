package docs

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/espalier-go/espalier/sup" // so that a change of sup runs the tests again
	_ "github.com/espalier-go/espalier/sup/httpsup"
)

// uncompiled are blocks of Go whose info string says why no test compiles them.
var uncompiled = map[string]string{
	"go oversight": "its module is not on the module proxy",
}

// Blocks of Go are whole programs, which this test compiles, or are copied from Go files
// of the repository, which are compiled and tested where they are.
func TestAllGoOnThePagesCompiles(t *testing.T) {
	programs, sources := newPrograms(t), goFiles(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			switch _, skip := uncompiled[b.info]; {
			case skip || !strings.HasPrefix(b.info, "go"):
			case b.info != "go":
				t.Errorf("%s:%d: ```%s: want ```go", p.file, b.line, b.info)
			case b.isProgram():
				programs.add(p, b)
			default:
				if file, missing := findBlock(b.text, sources); missing != "" {
					t.Errorf("%s:%d: no Go file of the repository has these lines; the nearest is %s, without\n%s", p.file, b.line, file, missing)
				}
			}
		}
	}
	if len(programs.packages) < 8 {
		t.Errorf("only %d programs found", len(programs.packages))
	}
	if out, err := programs.command("build", "-o", os.DevNull).CombinedOutput(); err != nil {
		t.Errorf("go build: %v\n%s", err, out)
	}
}

// A program that is followed by a block of text prints that text.
func TestTheProgramOfREADMEPrintsWhatREADMESays(t *testing.T) {
	blocks := readPages(t, []string{"../README.md"})[0].blocks()
	if len(blocks) < 2 || !blocks[0].isProgram() || blocks[1].info != "text" {
		t.Fatal("README does not begin with a program and its output")
	}
	if n := blocks[0].codeLines(); n > 25 {
		t.Errorf("the program has %d lines, without imports and blank ones; the limit is 25", n)
	}
	programs := newPrograms(t)
	programs.add(page{file: "README.md"}, blocks[0])
	out, err := programs.command("run").Output()
	if string(out) != blocks[1].text || err != nil {
		t.Errorf("go run: %v, and the output is\n%swant\n%s", err, out, blocks[1].text)
	}
}

// programs are programs of pages, which the go command sees as packages of this directory.
type programs struct {
	t          *testing.T
	temp, here string
	overlay    struct{ Replace map[string]string }
	packages   []string
}

func newPrograms(t *testing.T) *programs {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	p := &programs{t: t, temp: t.TempDir(), here: here}
	p.overlay.Replace = map[string]string{}
	return p
}

func (p *programs) add(page page, b block) {
	p.t.Helper()
	name := fmt.Sprintf("%s_%d", strings.TrimSuffix(filepath.Base(page.file), ".md"), b.line)
	source := filepath.Join(p.temp, name+".go")
	if err := os.WriteFile(source, []byte(b.text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.overlay.Replace[filepath.Join(p.here, name, name+".go")] = source
	p.packages = append(p.packages, "./"+name)
}

// command returns a go command for the programs.
func (p *programs) command(args ...string) *exec.Cmd {
	p.t.Helper()
	text, err := json.Marshal(p.overlay)
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.temp, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return exec.Command("go", append(append(args, "-overlay", file), p.packages...)...)
}

// goFiles returns the lines of the Go files that a page may quote, by file name.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := make(map[string][]string)
	for _, dir := range []string{"snippets", "../examples"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			files[path] = strings.Split(string(text), "\n")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// findBlock looks for the lines of a block in Go files, at any indentation. A line "// …"
// in a block stands for any number of lines. If no file has them, findBlock returns the
// file with the longest part of them from the beginning, and the rest.
func findBlock(text string, sources map[string][]string) (file, missing string) {
	want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	best := -1
	for name, lines := range sources {
		for at := range lines {
			n := matchLines(want, lines[at:])
			if n == len(want) {
				return name, ""
			}
			if n > best {
				best, file = n, fmt.Sprintf("%s:%d", name, at+1)
			}
		}
	}
	return file, strings.Join(want[best:], "\n")
}

// matchLines returns how many lines of a block a file has from its first line on.
func matchLines(want, lines []string) int {
	indent := leadingTabs(lines[0]) - leadingTabs(want[0])
	if indent < 0 {
		return 0
	}
	prefix := strings.Repeat("\t", indent)
	skipping, n := false, 0
	for _, line := range lines {
		if n == len(want) {
			break
		}
		if strings.TrimSpace(want[n]) == "// …" {
			skipping, n = true, n+1
			if n == len(want) {
				break
			}
		}
		same := line == prefix+want[n] || line == "" && want[n] == ""
		if !same && !skipping {
			break
		}
		if same {
			skipping, n = false, n+1
		}
	}
	return n
}

func leadingTabs(line string) int { return len(line) - len(strings.TrimLeft(line, "\t")) }
