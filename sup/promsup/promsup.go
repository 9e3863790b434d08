// Package promsup exports the figures of supervision trees to Prometheus.
//
//	prometheus.MustRegister(promsup.New(tree))
//
// Each collection takes a snapshot, see package figures; nothing is counted or
// kept here, and a tree that nobody scrapes pays nothing. A snapshot holds up no
// start, stop or round, and takes a fraction of a microsecond for each child.
//
// The names and labels are those of package figures:
//
//	sup_children{supervisor,child,state}            gauge
//	sup_state_age_seconds{supervisor,child,state}   gauge
//	sup_starts_total{supervisor,child}              counter
//	sup_restarts_total{supervisor,child}            counter
//	sup_failures_total{supervisor,child}            counter
//	sup_budget_used_ratio{supervisor,child}         gauge
//	sup_supervisors{supervisor}                     gauge
//	sup_uptime_seconds{supervisor}                  gauge
//	sup_intensity_limit{supervisor}                 gauge
//	sup_intensity_window_seconds{supervisor}        gauge
//	sup_intensity_used_ratio{supervisor}            gauge
//	sup_up{tree}                                    gauge
//	sup_down_reason{tree,reason}                    gauge
//
// A tree that cannot be read does not fail the collection. Its sup_up is 0, and its
// sup_down_reason is 1 for the reason: "timeout" after five seconds, "name taken" if
// another tree of the collector has its name, "host not found", "panic", a reason of the
// system such as "connection refused", or "error". The whole text is logged with
// [slog.Default] when the reason changes. The label tree is the path of the tree;
// one that was never reached is named by its place among the arguments, "tree 2".
//
// Alert rules and a dashboard are in examples/observability.
package promsup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// collector implements [prometheus.Collector]. It is fixed once made.
type collector struct {
	trees      *poll.Set
	metrics    []metric // by [figures.Point].Metric
	up, reason metric
}

type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// New returns a collector of the figures of some trees. A registry takes one such
// collector, unless each is wrapped with labels of its own
// ([prometheus.WrapRegistererWith]). It is safe for concurrent use, and good before the
// trees start and after they have ended.
//
// The trees must have different names ([sup.Spec.Name]). If two have the same, or one is
// nil, Register returns an error that says which, and MustRegister panics.
func New(trees ...sup.AnySupervisor) prometheus.Collector {
	inspectors := make([]sup.Inspector, len(trees))
	for i, tree := range trees {
		if tree != nil {
			inspectors[i] = sup.Inspect(tree)
		}
	}
	return NewOf(inspectors...)
}

// NewOf is [New] for trees that are reached through inspectors, over a network
// perhaps. A collection reads all trees at the same time and waits five seconds for
// them, or six for an inspector that ignores its context. The names of trees of other
// programs are known once they have been reached: if two have the same, the first one
// keeps it, and the sup_up of the other is 0.
func NewOf(trees ...sup.Inspector) prometheus.Collector {
	c := &collector{trees: poll.NewSet(trees...)}
	for _, m := range figures.Metrics() {
		c.metrics = append(c.metrics, newMetric(m))
	}
	c.up = newMetric(figures.Metric{Name: poll.Up, Unit: poll.Unit, Help: poll.UpHelp, Labels: poll.UpLabels})
	c.reason = newMetric(figures.Metric{Name: poll.Reason, Unit: poll.Unit, Help: poll.ReasonHelp, Labels: poll.ReasonLabels})
	return c
}

func newMetric(m figures.Metric) metric {
	kind := prometheus.GaugeValue
	if m.Counter {
		kind = prometheus.CounterValue
	}
	return metric{prometheus.NewDesc(name(m), m.Help, m.Labels, nil), kind}
}

func (m metric) at(value float64, labels ...string) prometheus.Metric {
	one, err := prometheus.NewConstMetric(m.desc, m.kind, value, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(m.desc, err)
	}
	return one
}

// name is the name of a metric as Prometheus wants it, with its unit.
func name(m figures.Metric) string {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch {
	case m.Counter:
		return name + "_total"
	case m.Unit == "s":
		return name + "_seconds"
	case m.Unit == "1":
		return name + "_ratio"
	}
	return name
}

// Describe implements [prometheus.Collector]. A registry refuses the description of
// trees that cannot be told apart.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	if err := c.trees.Check(); err != nil {
		to <- prometheus.NewInvalidDesc(fmt.Errorf("promsup: %w", err))
		return
	}
	for _, m := range c.metrics {
		to <- m.desc
	}
	to <- c.up.desc
	to <- c.reason.desc
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, reading := range c.trees.Read(context.Background()) {
		if reading.Err != nil {
			to <- c.up.at(0, reading.Tree)
			to <- c.reason.at(1, reading.Tree, reading.Reason)
			continue
		}
		to <- c.up.at(1, reading.Tree)
		for _, p := range figures.Of(reading.Snapshot, time.Now()) {
			to <- c.metrics[p.Metric].at(p.Value, p.Labels...)
		}
	}
}
