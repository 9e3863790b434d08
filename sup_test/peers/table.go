package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// A row is a line of the table.
type row struct {
	what    string
	limit   string // what it is compared with
	ours    string // absolute, for orientation
	ratio   spread // ours in units of the limit
	cpu     string // the same in CPU time, the median
	exact   bool   // the ratio is a count that does not vary
	target  float64
	atLeast bool   // the target is to be exceeded, not to be kept
	garbage string // allocations and bytes, ours and the limit's
	peers   [3]string
}

// report is the table, and what it is made with.
type report struct {
	out  io.Writer
	rows []row
	otp  *otp // nil where erl is not installed
}

// The columns of the peers.
const (
	suturePeer = iota
	errgroupPeer
	otpPeer
)

var peerNames = [3]string{"suture", "errgroup", "OTP"}

// judged is a row whose limit, and whose peers, were measured with it.
type judged struct {
	what, ours, limit string // the last two are names of contenders
	limitText         string
	target            float64 // 0 for a row that is only shown
}

// add adds a row, out of what [compare] found.
func (r *report) add(found map[string]samples, j judged) {
	ours, limit := found[j.ours], found[j.limit]
	one := row{
		what:    j.what,
		limit:   j.limitText,
		ours:    duration(ours.median(nanos)),
		ratio:   ours.over(limit, nanos),
		cpu:     times(ours.over(limit, cpu).median),
		target:  j.target,
		garbage: garbageOf(ours) + " / " + garbageOf(limit),
	}
	if one.limit == "" {
		one.limit = j.limit
	}
	one.limit += " " + duration(limit.median(nanos))
	for i, name := range peerNames {
		if s := found[name]; s != nil {
			one.peers[i] = times(s.over(limit, nanos).median)
		}
	}
	r.row(one)
}

func (r *report) row(one row) {
	r.rows = append(r.rows, one)
	fmt.Fprintf(os.Stderr, "%s: %s, %s\n", one.what, one.ratioText()+", CPU "+one.cpu, one.verdict())
}

func garbageOf(s samples) string {
	return fmt.Sprintf("%s, %s", count(s.median(allocs)), size(s.median(bytes)))
}

func (r row) ratioText() string {
	if r.exact {
		return count(r.ratio.median)
	}
	return fmt.Sprintf("%s (%.2f–%.2f)", times(r.ratio.median), r.ratio.low, r.ratio.high)
}

func (r row) targetText() string {
	switch {
	case r.target == 0 && !r.exact:
		return ""
	case r.atLeast:
		return "≥ " + count(r.target)
	}
	return "≤ " + count(r.target)
}

// verdict judges the median, and says so where the quarters around it
// disagree.
func (r row) verdict() string {
	if r.target == 0 && !r.exact {
		return "shown"
	}
	meets := func(v float64) bool {
		v = math.Round(v*100) / 100 // as it is shown
		if r.atLeast {
			return v >= r.target
		}
		return v <= r.target
	}
	verdict := "**missed**"
	if meets(r.ratio.median) {
		verdict = "reached"
	}
	if meets(r.ratio.low) != meets(r.ratio.high) {
		verdict += ", narrowly"
	}
	return verdict
}

func (r *report) print() {
	fmt.Fprintln(r.out, "| what | espalier | limit | × limit (quartiles) | in CPU time | to reach | verdict | allocs, bytes: ours / limit | suture | errgroup | OTP |")
	fmt.Fprintln(r.out, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, row := range r.rows {
		cells := []string{row.what, row.ours, row.limit, row.ratioText(), row.cpu, row.targetText(), row.verdict(), row.garbage,
			row.peers[suturePeer], row.peers[errgroupPeer], row.peers[otpPeer]}
		fmt.Fprintf(r.out, "| %s |\n", strings.Join(cells, " | "))
	}
}

func times(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func count(v float64) string {
	switch {
	case math.Abs(v-math.Round(v)) < 0.05:
		return fmt.Sprintf("%.0f", math.Abs(v))
	case v < 2:
		return fmt.Sprintf("%.4g", math.Round(v*100)/100)
	}
	return fmt.Sprintf("%.1f", v)
}

func duration(ns float64) string {
	switch {
	case ns >= 1e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	}
	return fmt.Sprintf("%.3g ns", ns)
}

func size(bytes float64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%.3g MB", bytes/(1<<20))
	}
	return fmt.Sprintf("%.0f B", bytes)
}
