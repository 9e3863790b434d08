package otelsup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// Metrics registers the figures of trees in this process with a meter. It works before
// the trees start and after they have ended, until the registration is unregistered. It
// returns an error of the meter, or an error if the meter or a tree is nil or two trees
// have the same name ([sup.Spec.Name]).
func Metrics(meter metric.Meter, trees ...sup.AnySupervisor) (metric.Registration, error) {
	inspectors := make([]sup.Inspector, len(trees))
	for i, tree := range trees {
		if tree != nil {
			inspectors[i] = sup.Inspect(tree)
		}
	}
	return MetricsOf(meter, inspectors...)
}

// MetricsOf is like [Metrics] for inspectors, which may read trees over a network. A
// collection reads all trees at the same time. It takes at most five seconds, or the time
// of its reader, or a second more if an inspector ignores its context. A tree that cannot
// be read does not fail the collection, since a reader would drop the figures of all
// trees. Its sup.up is 0 instead. The name of a remote tree is known once the tree has
// been read. If two names are equal then, the first tree keeps the name, and the sup.up of
// the other is 0.
func MetricsOf(meter metric.Meter, trees ...sup.Inspector) (metric.Registration, error) {
	if meter == nil {
		return nil, errors.New("nil meter (pass one, such as otel.Meter(\"example.com/orders\"))")
	}
	c := &collection{trees: poll.NewSet(trees...)}
	if err := c.trees.Check(); err != nil {
		return nil, err
	}
	var instruments []metric.Observable
	all := figures.Metrics()
	c.up, c.reason = len(all), len(all)+1
	all = append(all,
		figures.Metric{Name: poll.Up, Unit: poll.Unit, Help: poll.UpHelp, Labels: poll.UpLabels},
		figures.Metric{Name: poll.Reason, Unit: poll.Unit, Help: poll.ReasonHelp, Labels: poll.ReasonLabels})
	for _, m := range all {
		instrument, observe, err := instrumentOf(meter, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		instruments = append(instruments, instrument)
		var keys []attribute.Key
		for _, label := range m.Labels {
			keys = append(keys, attribute.Key("sup."+label))
		}
		c.observe, c.keys = append(c.observe, observe), append(c.keys, keys)
	}
	return meter.RegisterCallback(c.collect, instruments...)
}

// A collection observes the figures of trees. Its fields do not change.
type collection struct {
	trees      *poll.Set
	observe    []observeFunc     // by [figures.Point].Metric
	keys       [][]attribute.Key // likewise
	up, reason int               // indexes in observe and keys
}

type observeFunc func(o metric.Observer, value float64, attributes metric.MeasurementOption)

// instrumentOf creates the instrument of a figure. Counters, and figures with a unit
// such as "{child}", are integers.
func instrumentOf(meter metric.Meter, m figures.Metric) (metric.Observable, observeFunc, error) {
	description, unit := metric.WithDescription(m.Help), metric.WithUnit(m.Unit)
	integer := func(i metric.Int64Observable, err error) (metric.Observable, observeFunc, error) {
		return i, func(o metric.Observer, value float64, attributes metric.MeasurementOption) {
			o.ObserveInt64(i, int64(value), attributes)
		}, err
	}
	switch {
	case m.Counter:
		return integer(meter.Int64ObservableCounter(m.Name, description, unit))
	case strings.HasPrefix(m.Unit, "{"):
		return integer(meter.Int64ObservableGauge(m.Name, description, unit))
	}
	i, err := meter.Float64ObservableGauge(m.Name, description, unit)
	return i, func(o metric.Observer, value float64, attributes metric.MeasurementOption) {
		o.ObserveFloat64(i, value, attributes)
	}, err
}

// collect implements [metric.Callback].
func (c *collection) collect(ctx context.Context, o metric.Observer) error {
	for _, reading := range c.trees.Read(ctx) {
		if reading.Err != nil {
			c.point(o, c.up, 0, reading.Tree)
			c.point(o, c.reason, 1, reading.Tree, reading.Reason)
			continue
		}
		c.point(o, c.up, 1, reading.Tree)
		for _, p := range figures.Of(reading.Snapshot, time.Now()) {
			c.point(o, p.Metric, p.Value, p.Labels...)
		}
	}
	return nil
}

func (c *collection) point(o metric.Observer, i int, value float64, labels ...string) {
	attributes := make([]attribute.KeyValue, len(labels))
	for j, key := range c.keys[i] {
		attributes[j] = key.String(labels[j])
	}
	c.observe[i](o, value, metric.WithAttributeSet(attribute.NewSet(attributes...)))
}
