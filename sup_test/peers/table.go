package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// A row is a line of the table. Its fields are exported for gob.
type row struct {
	Section string // "" for the table of all others
	What    string
	Limit   string // name and time of the limit
	Ours    string // absolute time, for orientation
	Ratio   spread // ours in units of the limit
	CPU     string // median of the ratio in CPU time
	Exact   bool   // the ratio is a count that does not vary
	Target  float64
	AtLeast bool   // Target is a minimum instead of a maximum
	Garbage string // allocations and bytes of espalier and of the limit
	Peers   [3]string
}

// report is a part of the table, with the contenders that it needs.
type report struct {
	rows []row
	otp  *otp // nil if Erlang is not installed
}

// The columns of the peers.
const (
	suturePeer = iota
	errgroupPeer
	otpPeer
)

var peerNames = [3]string{"suture", "errgroup", "OTP"}

// judged is a row whose limit and peers were measured together with it.
type judged struct {
	what, ours, limit string // the last two are names of contenders
	limitText         string
	target            float64 // 0 for a row without a target
}

// add adds a row from the results of [compare].
func (r *report) add(found map[string]samples, j judged) {
	ours, limit := found[j.ours], found[j.limit]
	one := row{
		What:    j.what,
		Limit:   j.limitText,
		Ours:    duration(ours.median(nanos)),
		Ratio:   ours.over(limit, nanos),
		CPU:     times(ours.over(limit, cpu).Median),
		Target:  j.target,
		Garbage: garbageOf(ours) + " / " + garbageOf(limit),
	}
	if one.Limit == "" {
		one.Limit = j.limit
	}
	one.Limit += " " + duration(limit.median(nanos))
	for i, name := range peerNames {
		if s := found[name]; s != nil {
			one.Peers[i] = times(s.over(limit, nanos).Median)
		}
	}
	r.row(one)
}

func (r *report) row(one row) {
	r.rows = append(r.rows, one)
	fmt.Fprintf(os.Stderr, "%s: %s, %s\n", one.What, one.ratioText()+", CPU "+one.CPU, one.verdict())
}

func garbageOf(s samples) string {
	return fmt.Sprintf("%s, %s", count(s.median(allocs)), size(s.median(bytes)))
}

func (r row) ratioText() string {
	if r.Exact {
		return count(r.Ratio.Median)
	}
	return fmt.Sprintf("%s (%.2f–%.2f)", times(r.Ratio.Median), r.Ratio.Low, r.Ratio.High)
}

func (r row) targetText() string {
	switch {
	case r.Target == 0 && !r.Exact:
		return ""
	case r.AtLeast:
		return "≥ " + count(r.Target)
	}
	return "≤ " + count(r.Target)
}

// verdict judges the median. It says "narrowly" if the quartiles disagree.
func (r row) verdict() string {
	if r.Target == 0 && !r.Exact {
		return "shown"
	}
	meets := func(v float64) bool {
		v = math.Round(v*100) / 100 // rounded as in the table
		if r.AtLeast {
			return v >= r.Target
		}
		return v <= r.Target
	}
	verdict := "**missed**"
	if meets(r.Ratio.Median) {
		verdict = "reached"
	}
	if meets(r.Ratio.Low) != meets(r.Ratio.High) {
		verdict += ", narrowly"
	}
	if n := r.Ratio.Rounds; n > 0 && n < fewestRounds && !r.Exact {
		verdict += fmt.Sprintf(", %d of %d rounds", n, fewestRounds)
	}
	return verdict
}

func printTable(out io.Writer, rows []row) {
	fmt.Fprintln(out, "| what | espalier | limit | × limit (quartiles) | in CPU time | to reach | verdict | allocs, bytes: ours / limit | suture | errgroup | OTP |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, row := range rows {
		cells := []string{row.What, row.Ours, row.Limit, row.ratioText(), row.CPU, row.targetText(), row.verdict(), row.Garbage,
			row.Peers[suturePeer], row.Peers[errgroupPeer], row.Peers[otpPeer]}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
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
