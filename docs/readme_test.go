package docs

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// features are the sections of README that end with a link to a guide.
var features = map[string]string{
	"## A struct is the tree":                  "docs/declared-trees.md",
	"## A plugin is a process, called by type": "docs/plugins.md",
	"## A process is a worker":                 "docs/processes.md",
	"## Seeing a tree":                         "docs/seeing-a-tree.md",
	"## Operating it":                          "docs/operating.md",
}

func TestREADMEIsShort(t *testing.T) {
	readme := readPages(t, []string{"../README.md"})[0]
	if n := strings.Count(readme.text, "\n"); n >= 200 {
		t.Errorf("README has %d lines; the limit is 199", n)
	}
	for title, guide := range features {
		section := page{text: readme.section(t, title)}
		lines := 0
		for _, b := range section.blocks() {
			if b.info == "go" {
				lines += b.codeLines()
			}
		}
		if lines > 15 {
			t.Errorf("%q has %d lines of Go; the limit is 15", title, lines)
		}
		if !strings.Contains(section.text, "]("+guide) {
			t.Errorf("%q has no link to %s", title, guide)
		}
	}
}

// The numbers by which README asks for trust are lower bounds of what is there.
func TestTheNumbersOfREADMEAreTrue(t *testing.T) {
	readme := readPages(t, []string{"../README.md"})[0]
	trust := strings.ReplaceAll(readme.section(t, "## Trust"), ",", "")
	for claim, count := range map[string]func(t *testing.T) int{
		`more than (\d+) numbered lines`: func(t *testing.T) int { return occurrences(t, "../SEMANTICS.md", `(?m)^[A-Z]\d+ `) },
		`(?i)more than (\d+) of them`:    func(t *testing.T) int { return occurrences(t, "../SEMANTICS.md", `\[otp`) },
		`(\d+) random scenarios`: func(t *testing.T) int {
			return number(t, read(t, "../Makefile"), `(?m)^N \?= (\d+)$`) + 1
		},
		`more than (\d+) ways`: func(t *testing.T) int {
			return occurrences(t, "../sup_test/MUTANTS.md", `(?m)^\| [a-z][a-z-]+ \| [A-Z]`)
		},
	} {
		claimed := number(t, trust, claim)
		if n := count(t); n <= claimed || n > claimed+claimed/2 {
			t.Errorf("README says %q of %d, and there are %d", claim, claimed, n)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func occurrences(t *testing.T, file, pattern string) int {
	t.Helper()
	return len(regexp.MustCompile(pattern).FindAllString(read(t, file), -1))
}

// number returns the number in the first match of a pattern with one group.
func number(t *testing.T, text, pattern string) int {
	t.Helper()
	match := regexp.MustCompile(strings.ReplaceAll(pattern, " ", `\s+`)).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %q in the text", pattern)
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A command of README is a target of the Makefile.
func TestTheCommandsOfREADMEAreTargetsOfTheMakefile(t *testing.T) {
	readme, makefile := read(t, "../README.md"), read(t, "../Makefile")
	for _, m := range regexp.MustCompile(`make ([a-z][a-z0-9-]*)`).FindAllStringSubmatch(readme, -1) {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
			t.Errorf("README has %q, which is no target of the Makefile", m[0])
		}
	}
}
