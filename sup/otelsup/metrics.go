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

// Metrics registers the figures of some trees with a meter. They are observed until
// the registration is unregistered, also before the trees start and after they have
// ended. The error is that of the meter, or says that there is none, that a tree is
// nil, or that two trees have the same name ([sup.Spec.Name]).
func Metrics(meter metric.Meter, trees ...sup.AnySupervisor) (metric.Registration, error) {
	inspectors := make([]sup.Inspector, len(trees))
	for i, tree := range trees {
		if tree != nil {
			inspectors[i] = sup.Inspect(tree)
		}
	}
	return MetricsOf(meter, inspectors...)
}

// MetricsOf is [Metrics] for trees that are reached through inspectors, over a
// network perhaps. A collection reads all trees at the same time and waits five seconds
// for them, or until the deadline of its reader. A tree that cannot be read is no error
// of the collection, for which a reader would drop the figures of all: its sup.up is 0,
// see the package comment. The names of trees of other programs are known once they have
// been reached: if two have the same, the first one keeps it, and the sup.up of the other
// is 0.
func MetricsOf(meter metric.Meter, trees ...sup.Inspector) (metric.Registration, error) {
	if meter == nil {
		return nil, errors.New("otelsup: no meter: give one, such as otel.Meter of your package's path")
	}
	c := &collection{trees: poll.NewSet(trees...)}
	if err := c.trees.Check(); err != nil {
		return nil, fmt.Errorf("otelsup: %w", err)
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
			return nil, fmt.Errorf("otelsup: %s: %w", m.Name, err)
		}
		instruments = append(instruments, instrument)
		var keys []attribute.Key
		for _, label := range m.Labels {
			keys = append(keys, attribute.Key("sup."+label))
		}
		c.observe, c.keys = append(c.observe, observe), append(c.keys, keys)
	}
	registration, err := meter.RegisterCallback(c.collect, instruments...)
	if err != nil {
		return nil, fmt.Errorf("otelsup: %w", err)
	}
	return registration, nil
}

// collection is what a callback needs. It is fixed once made.
type collection struct {
	trees      *poll.Set
	observe    []observing // by [figures.Point].Metric
	keys       [][]attribute.Key
	up, reason int // indexes in observe and keys
}

type observing func(o metric.Observer, value float64, attributes metric.MeasurementOption)

// instrumentOf makes the instrument of a figure: whole numbers for what is
// counted, in units such as "{child}".
func instrumentOf(meter metric.Meter, m figures.Metric) (metric.Observable, observing, error) {
	about, unit := metric.WithDescription(m.Help), metric.WithUnit(m.Unit)
	whole := func(i metric.Int64Observable, err error) (metric.Observable, observing, error) {
		return i, func(o metric.Observer, value float64, attributes metric.MeasurementOption) {
			o.ObserveInt64(i, int64(value), attributes)
		}, err
	}
	switch {
	case m.Counter:
		return whole(meter.Int64ObservableCounter(m.Name, about, unit))
	case strings.HasPrefix(m.Unit, "{"):
		return whole(meter.Int64ObservableGauge(m.Name, about, unit))
	}
	i, err := meter.Float64ObservableGauge(m.Name, about, unit)
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

func (c *collection) point(o metric.Observer, at int, value float64, labels ...string) {
	attributes := make([]attribute.KeyValue, len(labels))
	for i, key := range c.keys[at] {
		attributes[i] = key.String(labels[i])
	}
	c.observe[at](o, value, metric.WithAttributeSet(attribute.NewSet(attributes...)))
}
