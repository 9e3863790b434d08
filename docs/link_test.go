package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Every link to a file of the repository has its file, and every link to a heading its
// heading.
func TestEveryLinkHasItsTarget(t *testing.T) {
	all := pages(t)
	for _, pattern := range []string{"../*.md", "../sup_test/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, readPages(t, files)...)
	}
	for _, p := range all {
		for _, target := range p.links() {
			if problem := checkLink(t, p, target); problem != "" {
				t.Errorf("%s: %s: %s", p.file, target, problem)
			}
		}
	}
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
)

// here is the address of the files of the repository.
const here = "https://github.com/espalier-go/espalier/blob/main/"

// links returns the targets of the links of a page, without those in code.
func (p page) links() []string {
	text := inlineCode.ReplaceAllString(fence.ReplaceAllString(p.text, ""), "")
	var targets []string
	for _, l := range link.FindAllStringSubmatch(text, -1) {
		targets = append(targets, l[1])
	}
	return targets
}

// checkLink returns what is wrong with a link of a page, or "".
func checkLink(t *testing.T, p page, target string) string {
	t.Helper()
	base := filepath.Dir(p.file)
	if path, is := strings.CutPrefix(target, here); is {
		base, target = "..", path
	}
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	path, anchor, _ := strings.Cut(target, "#")
	file := p.file
	if path != "" {
		file = filepath.Join(base, path)
	}
	if _, err := os.Stat(file); err != nil {
		return err.Error()
	}
	if anchor != "" && !readPages(t, []string{file})[0].anchors()[anchor] {
		return "no such heading"
	}
	return ""
}

var heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)

// anchors returns the anchors that GitHub gives to the headings of a page.
func (p page) anchors() map[string]bool {
	anchors := make(map[string]bool)
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h[1])
		unique := slug
		for n := 1; anchors[unique]; n++ {
			unique = fmt.Sprintf("%s-%d", slug, n)
		}
		anchors[unique] = true
	}
	return anchors
}

// The index of this directory has a link to each of its pages.
func TestTheIndexHasEveryPage(t *testing.T) {
	index := readPages(t, []string{"README.md"})[0]
	listed := make(map[string]bool)
	for _, target := range index.links() {
		path, _, _ := strings.Cut(target, "#")
		listed[path] = true
	}
	for _, p := range pages(t) {
		if p.file != "README.md" && filepath.Dir(p.file) == "." && !listed[p.file] {
			t.Errorf("README.md has no link to %s", p.file)
		}
	}
}
