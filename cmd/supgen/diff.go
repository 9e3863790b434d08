package main

import (
	"fmt"
	"strings"

	"github.com/espalier-go/espalier/gen"
)

// diff returns what would change in a file, in the unified format, or "".
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
	for _, h := range hunks(edits(lines(o.Old), lines(o.New))) {
		h.write(&b)
	}
	return b.String()
}

func lines(content []byte) []string {
	all := strings.SplitAfter(string(content), "\n")
	return all[:len(all)-1+min(1, len(all[len(all)-1]))]
}

// edit is a line that stays (' '), goes ('-') or comes ('+').
type edit struct {
	op   byte
	line string
}

// edits finds a longest common subsequence. Generated files are short, and
// most of them does not change, so the quadratic way is good enough.
func edits(a, b []string) []edit {
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, edit{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	length := make([][]int, len(a)+1) // of what a[i:] and b[j:] have in common
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	all := head
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			all = append(all, edit{'-', a[i]})
			i++
		default:
			all = append(all, edit{'+', b[j]})
			j++
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		all = append(all, tail[i])
	}
	return all
}

// hunk is a stretch of edits, and the lines before it in both files.
type hunk struct {
	from, to int
	edits    []edit
}

const context = 3

// hunks leaves out the lines that are far from a change.
func hunks(all []edit) []hunk {
	var list []hunk
	near := func(i int) bool {
		for j := max(0, i-context); j < min(len(all), i+context+1); j++ {
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
