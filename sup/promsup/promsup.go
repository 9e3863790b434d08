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
//
// Alert rules and a dashboard are in examples/observability.
package promsup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// collector implements [prometheus.Collector]. It is fixed once made.
type collector struct {
	trees   []sup.Inspector
	metrics []metric // by [figures.Point].Metric
}

type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// New returns a collector of the figures of some trees, which should have
// different names: a registry takes one such collector, unless each is wrapped
// with labels of its own ([prometheus.WrapRegistererWith]). It is safe for
// concurrent use, and good before the trees start and after they have ended.
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
// perhaps. A collection waits five seconds for a tree; one that is not reached
// is an error of the collection, which tells the others all the same.
func NewOf(trees ...sup.Inspector) prometheus.Collector {
	c := &collector{trees: trees}
	for _, m := range figures.Metrics() {
		kind := prometheus.GaugeValue
		if m.Counter {
			kind = prometheus.CounterValue
		}
		c.metrics = append(c.metrics, metric{prometheus.NewDesc(name(m), m.Help, m.Labels, nil), kind})
	}
	return c
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

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		to <- m.desc
	}
}

// patience is how long a collection waits for one tree.
const patience = 5 * time.Second

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for i, tree := range c.trees {
		if err := c.collect(tree, to); err != nil {
			to <- prometheus.NewInvalidMetric(c.metrics[0].desc, fmt.Errorf("promsup: tree %d: %w", i, err))
		}
	}
}

func (c *collector) collect(tree sup.Inspector, to chan<- prometheus.Metric) error {
	if tree == nil {
		return errors.New("is nil: give a supervisor, or an inspector of one")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	snapshot, err := tree.Tree(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range figures.Of(snapshot, time.Now()) {
		m := c.metrics[p.Metric]
		one, err := prometheus.NewConstMetric(m.desc, m.kind, p.Value, p.Labels...)
		if err != nil { // an id that is no UTF-8
			one = prometheus.NewInvalidMetric(m.desc, err)
		}
		to <- one
	}
	return nil
}
