package docs

import (
	"os"
	"strings"
	"testing"
)

const numbersTable = "| what | espalier | suture v4 | errgroup | OTP 25 |\n|---|---|---|---|---|\n"

// The table in comparison.md repeats rows of BENCHMARKS.md.
func TestTheNumbersOfTheComparisonAreThoseOfTheBenchmarks(t *testing.T) {
	rows := make(map[string][]string)
	for line := range strings.Lines(read(t, "../BENCHMARKS.md")) {
		if cells := cellsOf(line); len(cells) == 11 {
			rows[cells[0]] = cells
		}
	}
	text := read(t, "comparison.md")
	before, rest, found := strings.Cut(text, numbersTable)
	body, after, ends := strings.Cut(rest, "\n\n")
	if !found || !ends {
		t.Fatalf("comparison.md has no table that begins with %q", numbersTable)
	}
	var table strings.Builder
	for line := range strings.Lines(body + "\n") {
		what := cellsOf(line)[0]
		row := rows[what]
		if row == nil {
			t.Errorf("BENCHMARKS.md has no row %q", what)
			continue
		}
		ratio, _, _ := strings.Cut(row[3], " ") // without the quartiles
		table.WriteString("| " + strings.Join([]string{what, ratio, orNone(row[8]), orNone(row[9]), orNone(row[10])}, " | ") + " |\n")
	}
	want := before + numbersTable + table.String() + "\n" + after
	if *update {
		if err := os.WriteFile("comparison.md", []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Errorf("the numbers of comparison.md are not those of BENCHMARKS.md; -update writes them. The table should be\n%s", &table)
	}
}

// cellsOf returns the cells of a row of a table.
func cellsOf(line string) []string {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func orNone(cell string) string {
	if cell == "" {
		return "–"
	}
	return cell
}
