// Package promsup exports the figures of supervision trees to Prometheus.
//
//	prometheus.MustRegister(promsup.New(tree))
//
// Each collection takes a snapshot of the tree, which does not delay starts, stops
// or rounds and takes a fraction of a microsecond for each child. Between collections there
// is no cost.
//
// The metrics are the figures of package figures:
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
// another tree of the collector has its name, "host not found", "panic", an error of the
// system such as "connection refused", or "error". The error is logged with
// [slog.Default] when the reason changes. The label tree is the path of the tree, or its
// number among the arguments, such as "tree 2", until it has been read once.
//
// For alert rules and a dashboard, see examples/observability.
package promsup

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// collector implements [prometheus.Collector]. Its fields do not change.
type collector struct {
	trees      *poll.Set
	metrics    []metric // by [figures.Point].Metric
	up, reason metric   // see package poll
}

type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// New returns a collector of the figures of trees in this process. It is safe for
// concurrent use, and works before the trees start and after they have ended. A
// registry accepts one such collector, or several if each is wrapped with different
// labels ([prometheus.WrapRegistererWith]).
//
// The trees must have different names ([sup.Spec.Name]). If two names are equal, or a
// tree is nil, Register returns an error, and MustRegister panics.
func New(trees ...sup.AnySupervisor) prometheus.Collector {
	inspectors := make([]sup.Inspector, len(trees))
	for i, tree := range trees {
		if tree != nil {
			inspectors[i] = sup.Inspect(tree)
		}
	}
	return NewOf(inspectors...)
}

// NewOf is like [New] for inspectors, which may read trees over a network. A
// collection reads all trees at the same time. It takes at most five seconds, or six
// if an inspector ignores its context. The name of a remote tree is known once the tree has
// been read. If two names are equal then, the first tree keeps the name, and the
// sup_up of the other is 0.
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

func (m metric) value(value float64, labels ...string) prometheus.Metric {
	constant, err := prometheus.NewConstMetric(m.desc, m.kind, value, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(m.desc, err)
	}
	return constant
}

// name returns the name of a metric by the conventions of Prometheus, with its unit.
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

// Describe implements [prometheus.Collector]. If trees have equal names, it sends an
// invalid description, so that the registration fails.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	if err := c.trees.Check(); err != nil {
		to <- prometheus.NewInvalidDesc(err)
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
			to <- c.up.value(0, reading.Tree)
			to <- c.reason.value(1, reading.Tree, reading.Reason)
			continue
		}
		to <- c.up.value(1, reading.Tree)
		for _, p := range figures.Of(reading.Snapshot, time.Now()) {
			to <- c.metrics[p.Metric].value(p.Value, p.Labels...)
		}
	}
}
