// Package figures turns a snapshot of a tree into figures for monitoring: the number of
// children in each state, restarts, the used part of each limit. It keeps no counters of
// its own. Packages promsup and otelsup export the figures, and [Var] shows them through
// expvar.
//
// # Labels
//
// The number of series does not grow with the number of keys. There is one series for
// each declared child:
//
//   - supervisor is the path of the supervisor, such as "orders/feeds";
//   - child is the id of a declared child. All members of a [sup.Keyed] or
//     [sup.Replicas], and all children added by StartChild, are the child "*". It also
//     replaces their ids in paths: the "db" of each tenant in a Keyed of supervisors is
//     the child "db" of "app/tenants/*".
//   - state is the state of the child: "running", "stuck", …
//
// Control characters and invalid UTF-8 in labels are escaped as in a path, such as %FF.
//
// A series of several children has their sum. A series of ages, times or ratios has
// the worst of them.
//
// # Figures
//
//	name                  unit         labels                     meaning
//	sup.children          {child}      supervisor, child, state   children in the state
//	sup.state.age         s            supervisor, child, state   longest time of a child in the state; not for idle and running
//	sup.starts            {start}      supervisor, child          incarnations so far, a counter
//	sup.restarts          {restart}    supervisor, child          automatic restarts so far, a counter
//	sup.failures          {failure}    supervisor, child          abnormal exits so far, a counter
//	sup.budget.used       1            supervisor, child          used part of the child's own budget; at 1 the next failure quarantines the child
//	sup.supervisors       {supervisor} supervisor                 running supervisors
//	sup.uptime            s            supervisor                 shortest uptime of a running supervisor
//	sup.intensity.limit   {restart}    supervisor                 allowed restarts; this and the next two only if they are limited
//	sup.intensity.window  s            supervisor                 time window of the allowed restarts
//	sup.intensity.used    1            supervisor                 used part of the allowed restarts; at 1 the next failure ends the supervisor
//
// The exporters add two figures. sup.up has the label tree. It is 1 if the figures of
// the tree could be read, and 0 if not, such as when a remote tree has not answered within
// five seconds. While it is 0, sup.down.reason is 1 for the labels tree and reason, such
// as "timeout", and the tree has no other figures. A tree of this process that is not
// running is up, and its sup.supervisors is 0.
//
// Counters do not fall when children are removed, or when supervisors below the root
// end. They start again with the program. In Prometheus, names have underscores, and their
// units at the end: sup_restarts_total, sup_uptime_seconds, sup_intensity_used_ratio.
package figures

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Metric is a row of the table in the package comment.
type Metric struct {
	Name    string   // such as "sup.restarts"
	Unit    string   // a UCUM unit, such as "s", "1" or "{restart}"
	Help    string   // one sentence
	Counter bool     // false for a gauge
	Labels  []string // names, in the order of [Point.Labels]
}

// A Point is the value of a metric for one set of labels.
type Point struct {
	Metric int      // index in [Metrics]
	Labels []string // values, in the order of [Metric.Labels]
	Value  float64  // in the unit of the metric
}

const (
	children = iota
	stateAge
	starts
	restarts
	failures
	budgetUsed
	supervisors
	uptime
	intensityLimit
	intensityWindow
	intensityUsed
)

var (
	ofSupervisor = []string{"supervisor"}
	ofChild      = []string{"supervisor", "child"}
	ofState      = []string{"supervisor", "child", "state"}
)

var metrics = [...]Metric{
	children:        {"sup.children", "{child}", "Children in the state.", false, ofState},
	stateAge:        {"sup.state.age", "s", "Longest time of a child in the state.", false, ofState},
	starts:          {"sup.starts", "{start}", "Incarnations so far.", true, ofChild},
	restarts:        {"sup.restarts", "{restart}", "Automatic restarts so far.", true, ofChild},
	failures:        {"sup.failures", "{failure}", "Abnormal exits so far.", true, ofChild},
	budgetUsed:      {"sup.budget.used", "1", "Used part of the child's own budget; at 1 the next failure quarantines the child.", false, ofChild},
	supervisors:     {"sup.supervisors", "{supervisor}", "Running supervisors.", false, ofSupervisor},
	uptime:          {"sup.uptime", "s", "Shortest uptime of a running supervisor.", false, ofSupervisor},
	intensityLimit:  {"sup.intensity.limit", "{restart}", "Restarts allowed within the window.", false, ofSupervisor},
	intensityWindow: {"sup.intensity.window", "s", "Time window of the allowed restarts.", false, ofSupervisor},
	intensityUsed:   {"sup.intensity.used", "1", "Used part of the allowed restarts; at 1 the next failure ends the supervisor.", false, ofSupervisor},
}

// Metrics returns all metrics. The caller may modify them.
func Metrics() []Metric {
	all := slices.Clone(metrics[:])
	for i := range all {
		all[i].Labels = slices.Clone(all[i].Labels)
	}
	return all
}

// Of returns the figures of a snapshot taken at the given time, in the order of the
// tree. It returns at most one point for a metric and a set of labels.
func Of(tree sup.SupervisorInfo, at time.Time) []Point {
	s := newSums(at)
	s.add(tree.Path, tree)
	return s.points()
}
