package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/gen"
)

// diff returns what would change in a file, in the unified format, or "". Line
// ends are no change, as they make no output stale.
func diff(o gen.Output) string {
	if !o.Stale() {
		return ""
	}
	from, to := o.Path, o.Path
	if o.Old == nil {
		from = "/dev/null"
	}
	if o.Remove {
		to = "/dev/null"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
	for _, h := range hunks(edits(nil, lines(o.Old), lines(o.New))) {
		h.write(&b)
	}
	return b.String()
}

func lines(content []byte) []string {
	all := strings.SplitAfter(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	return all[:len(all)-1+min(1, len(all[len(all)-1]))]
}

// edit is a line that stays (' '), goes ('-') or comes ('+').
type edit struct {
	op   byte
	line string
}

// edits appends what makes b of a. What both begin and end with stays, and so
// do the lines between that stand once in each (the longest row of them that has
// the same order in both); these cut the rest into parts that are alike. Where
// there are none, all goes and all comes. This is the "patience diff" of Bram
// Cohen: in space that is linear, and short for Go, which has such lines all over.
func edits(all []edit, a, b []string) []edit {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		all = append(all, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	shorter := min(len(a), len(b))
	same := 0
	for same < shorter && a[len(a)-1-same] == b[len(b)-1-same] {
		same++
	}
	tail := a[len(a)-same:]
	a, b = a[:len(a)-same], b[:len(b)-same]
	row := anchors(a, b)
	if len(row) == 0 {
		all = appendEdits(all, '-', a)
		all = appendEdits(all, '+', b)
		return appendEdits(all, ' ', tail)
	}
	from := anchor{}
	for _, to := range append(row, anchor{len(a), len(b)}) {
		all = edits(all, a[from.a:to.a], b[from.b:to.b])
		from = to
	}
	return appendEdits(all, ' ', tail)
}

func appendEdits(all []edit, op byte, lines []string) []edit {
	for _, line := range lines {
		all = append(all, edit{op, line})
	}
	return all
}

// anchor is where a line stands in both texts.
type anchor struct{ a, b int }

// anchors returns the longest row of lines that stand once in a and once in b,
// and in the same order.
func anchors(a, b []string) []anchor {
	placesInA, placesInB := places(a), places(b)
	// For each length, the end of a row that is earliest in b; and for each line
	// the one before it in its row.
	var ends []anchor
	before := make(map[anchor]anchor)
	for i, line := range a {
		j, ok := placesInB[line]
		if !ok || j == several || placesInA[line] == several {
			continue
		}
		this := anchor{i, j}
		length, _ := slices.BinarySearchFunc(ends, this, func(end, this anchor) int { return end.b - this.b })
		if length == len(ends) {
			ends = append(ends, this)
		}
		ends[length] = this
		if length > 0 {
			before[this] = ends[length-1]
		}
	}
	if len(ends) == 0 {
		return nil
	}
	row := make([]anchor, len(ends))
	at := ends[len(ends)-1]
	for i := range slices.Backward(row) {
		row[i] = at
		at = before[at]
	}
	return row
}

const several = -1

// places says where each line stands, or that it does at several places.
func places(lines []string) map[string]int {
	all := make(map[string]int, len(lines))
	for i, line := range lines {
		if _, again := all[line]; again {
			i = several
		}
		all[line] = i
	}
	return all
}

// hunk is a stretch of edits, and the lines before it in both files.
type hunk struct {
	from, to int
	edits    []edit
}

const around = 3

// hunks leaves out the lines that are far from a change.
func hunks(all []edit) []hunk {
	var list []hunk
	near := func(i int) bool {
		for j := max(0, i-around); j < min(len(all), i+around+1); j++ {
			if all[j].op != ' ' {
				return true
			}
		}
		return false
	}
	from, to, open := 0, 0, false
	for i, e := range all {
		if near(i) {
			if !open {
				list = append(list, hunk{from: from, to: to})
			}
			last := &list[len(list)-1]
			last.edits = append(last.edits, e)
		}
		open = near(i)
		if e.op != '+' {
			from++
		}
		if e.op != '-' {
			to++
		}
	}
	return list
}

func (h hunk) write(b *strings.Builder) {
	before, after := 0, 0
	for _, e := range h.edits {
		if e.op != '+' {
			before++
		}
		if e.op != '-' {
			after++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(h.from, before), span(h.to, after))
	for _, e := range h.edits {
		b.WriteByte(e.op)
		b.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span is a range of lines, as diff writes it: an empty one is after a line.
func span(before, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}
