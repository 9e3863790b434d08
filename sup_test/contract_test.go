package sup_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const differencesTitle = "## Differences from OTP\n"

// contract returns the lines of SEMANTICS.md by number, and its last section, which is
// about OTP.
func contract(t *testing.T) (lines map[string]string, differences string) {
	t.Helper()
	content, err := os.ReadFile("../SEMANTICS.md")
	if err != nil {
		t.Fatal(err)
	}
	text, differences, found := strings.Cut(string(content), differencesTitle)
	if !found || strings.Contains(differences, "\n## ") {
		t.Fatalf("SEMANTICS.md does not end with %q", differencesTitle)
	}
	lines = make(map[string]string)
	number := ""
	for line := range strings.Lines(text) {
		switch first := lineNumber.FindString(line); {
		case first != "":
			number = strings.TrimSpace(first)
			if lines[number] != "" {
				t.Errorf("line %s occurs twice", number)
			}
		case !strings.HasPrefix(line, "    "):
			number = ""
		}
		if number != "" {
			lines[number] += line
		}
	}
	return lines, differences
}

var (
	lineNumber = regexp.MustCompile(`^[A-Z]\d+ +`)
	row        = regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|`)
)

// Each [delta] of the contract has a row in the list of differences from OTP, and each
// row names a line of the contract.
func TestEachDeltaOfTheContractIsAmongTheDifferencesFromOTP(t *testing.T) {
	lines, differences := contract(t)
	rows := make(map[string]int)
	for _, match := range row.FindAllStringSubmatch(differences, -1) {
		rows[match[1]]++
		if lines[match[1]] == "" {
			t.Errorf("%s is among the differences, and no line of the contract", match[1])
		}
	}
	for number, line := range lines {
		if deltas := strings.Count(line, "[delta"); deltas > rows[number] {
			t.Errorf("%s has %d deltas, and %d rows among the differences", number, deltas, rows[number])
		}
	}
}

// Each line of the contract is cited by a test.
func TestEachLineOfTheContractIsCitedByATest(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	cited := make(map[string]bool)
	for _, file := range files {
		if strings.HasPrefix(file, "model_") || strings.HasPrefix(file, "otp_") { // these files cite rules, not tests of them
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if _, comment, is := strings.Cut(line, "//"); is {
				for _, number := range citation.FindAllString(comment, -1) {
					cited[number] = true
				}
			}
		}
	}
	lines, _ := contract(t)
	for _, number := range slices.Sorted(maps.Keys(lines)) {
		if !cited[number] {
			t.Errorf("no test cites %s", number)
		}
	}
}

var citation = regexp.MustCompile(`\b[A-Z]\d+\b`)
