package docs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the numbers of the pages instead of comparing them")

// A page is a Markdown file of the repository.
type page struct {
	file string // relative to this directory
	text string
}

// pages returns README and the pages in this directory, which only a reader of
// the repository sees.
func pages(t *testing.T) []page {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("only %d pages found: %v", len(files), err)
	}
	return readPages(t, append([]string{"../README.md"}, files...))
}

func readPages(t *testing.T, files []string) []page {
	t.Helper()
	var all []page
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{file, string(text)})
	}
	return all
}

// A block is a fenced block of a page.
type block struct {
	line int    // of the first line in the fence, from 1
	info string // what follows the fence, such as "go"
	text string
}

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// blocks returns the fenced blocks of a page.
func (p page) blocks() []block {
	var all []block
	for _, at := range fence.FindAllStringSubmatchIndex(p.text, -1) {
		line := strings.Count(p.text[:at[4]], "\n") + 1
		all = append(all, block{line, p.text[at[2]:at[3]], p.text[at[4]:at[5]]})
	}
	return all
}

// isProgram reports whether the block is a whole Go program.
func (b block) isProgram() bool { return strings.HasPrefix(b.text, "package main\n") }

// codeLines counts the lines of a block, without blank ones, the package clause and the
// imports.
func (b block) codeLines() int {
	text := b.text
	if b.isProgram() {
		if _, after, found := strings.Cut(text, "\n)\n"); found {
			text = after
		}
	}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	return len(lines)
}

// section returns the part of the page under a heading, or fails the test.
func (p page) section(t *testing.T, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(p.text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", p.file, heading)
	}
	level := heading[:strings.IndexByte(heading, ' ')+1]
	before, _, _ := strings.Cut(after, "\n"+level)
	return before
}
