package otelsup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// Metrics registers the figures of some trees, which should have different
// names, with a meter. They are told until the registration is taken back, also
// before the trees start and after they have ended. The error is that of the
// meter, or says that there is none or that a tree is nil.
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
// network perhaps. The deadline of a collection is that of its reader; a tree that
// is not reached is an error of the collection, which tells the others all the
// same.
func MetricsOf(meter metric.Meter, trees ...sup.Inspector) (metric.Registration, error) {
	if meter == nil {
		return nil, errors.New("otelsup: no meter: give one, such as otel.Meter of your package's path")
	}
	for i, tree := range trees {
		if tree == nil {
			return nil, fmt.Errorf("otelsup: tree %d is nil: give a supervisor, or an inspector of one", i)
		}
	}
	c := &collection{trees: trees}
	var instruments []metric.Observable
	for _, m := range figures.Metrics() {
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
	trees   []sup.Inspector
	observe []observing // by [figures.Point].Metric
	keys    [][]attribute.Key
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
	var failures []error
	for i, tree := range c.trees {
		snapshot, err := tree.Tree(ctx, "")
		if err != nil {
			failures = append(failures, fmt.Errorf("otelsup: tree %d: %w", i, err))
			continue
		}
		for _, p := range figures.Of(snapshot, time.Now()) {
			attributes := make([]attribute.KeyValue, len(p.Labels))
			for i, key := range c.keys[p.Metric] {
				attributes[i] = key.String(p.Labels[i])
			}
			set := attribute.NewSet(attributes...)
			c.observe[p.Metric](o, p.Value, metric.WithAttributeSet(set))
		}
	}
	return errors.Join(failures...)
}
