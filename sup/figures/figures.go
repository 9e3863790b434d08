// Package figures turns a snapshot of a tree into the figures that monitoring
// wants: how many children are in which state, how often they were restarted,
// how near to its limit a supervisor is. It counts nothing by itself. Packages
// promsup and otelsup export them, [Var] shows them through expvar.
//
// # Labels
//
// There is one series for each declared child, however many keys come and go:
//
//   - supervisor is the path of the supervisor, such as "orders/feeds";
//   - child is the id of a declared child. The members of a [sup.Keyed] or
//     [sup.Replicas], and children that were added by StartChild, are one child
//     "*". Below them it stands in the path of the supervisor too: the "db" of
//     each tenant in a set of supervisors is child "db" of "app/tenants/*".
//   - state is that of the child: "running", "stuck", …
//
// In a label, what is not to be printed and bytes that are no UTF-8 are written as
// in a path, %FF, say.
//
// What stands for many is their sum, and for times and shares that of the one
// which is worst off.
//
// # Figures
//
//	name                  unit         labels                     what it is
//	sup.children          {child}      supervisor, child, state   children that are in the state
//	sup.state.age         s            supervisor, child, state   for how long the one has been in it that is longest; not of idle and running ones
//	sup.starts            {start}      supervisor, child          incarnations so far, a counter
//	sup.restarts          {restart}    supervisor, child          those that no operator and no start asked for, a counter
//	sup.failures          {failure}    supervisor, child          abnormal exits so far, a counter
//	sup.budget.used       1            supervisor, child          how much of its own budget a child has used; at 1 the next failure quarantines it
//	sup.supervisors       {supervisor} supervisor                 supervisors that are up
//	sup.uptime            s            supervisor                 of the one that is up for the shortest time
//	sup.intensity.limit   {restart}    supervisor                 restarts that it bears; not if they are unlimited, as the next two
//	sup.intensity.window  s            supervisor                 within this time
//	sup.intensity.used    1            supervisor                 how much of that it has used; at 1 the next failure ends it
//
// The exporters add two figures. sup.up is 1 if the figures of a tree, named by the
// label tree, could be read, and 0 if not: because it is reached over a network and
// has not answered within five seconds, say. While it is 0, sup.down.reason is 1
// for the tree and a label reason, such as "timeout", and the tree has no others. A tree of
// this process that is not running is up; its sup.supervisors are 0.
//
// Counters do not fall when children are removed, or supervisors below the root
// end; they start again with the program. The names of Prometheus have
// underscores, and their units behind them: sup_restarts_total,
// sup_uptime_seconds, sup_intensity_used_ratio.
package figures

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Metric is one row of the table in the package comment.
type Metric struct {
	Name    string // "sup.restarts"
	Unit    string // UCUM: "s", "1", "{restart}"
	Help    string
	Counter bool     // otherwise it goes up and down
	Labels  []string // their names, in the order of [Point.Labels]
}

// A Point is the value of a metric at a moment.
type Point struct {
	Metric int // its index in [Metrics]
	Labels []string
	Value  float64
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
	children:        {"sup.children", "{child}", "Children that are in the state.", false, ofState},
	stateAge:        {"sup.state.age", "s", "For how long the child has been in the state that is longest in it.", false, ofState},
	starts:          {"sup.starts", "{start}", "Incarnations so far.", true, ofChild},
	restarts:        {"sup.restarts", "{restart}", "Incarnations that no operator and no start asked for.", true, ofChild},
	failures:        {"sup.failures", "{failure}", "Abnormal exits so far.", true, ofChild},
	budgetUsed:      {"sup.budget.used", "1", "How much of its own budget a child has used; at 1 the next failure quarantines it.", false, ofChild},
	supervisors:     {"sup.supervisors", "{supervisor}", "Supervisors that are up.", false, ofSupervisor},
	uptime:          {"sup.uptime", "s", "For how long the supervisor has been up that is so for the shortest time.", false, ofSupervisor},
	intensityLimit:  {"sup.intensity.limit", "{restart}", "Restarts that the supervisor bears within the window.", false, ofSupervisor},
	intensityWindow: {"sup.intensity.window", "s", "The window of the intensity.", false, ofSupervisor},
	intensityUsed:   {"sup.intensity.used", "1", "How much of its intensity the supervisor has used; at 1 the next failure ends it.", false, ofSupervisor},
}

// Metrics returns all metrics. The slices are the caller's.
func Metrics() []Metric {
	all := slices.Clone(metrics[:])
	for i := range all {
		all[i].Labels = slices.Clone(all[i].Labels)
	}
	return all
}

// Of returns the figures of a snapshot that was taken at a time, in the order of
// the tree. Of each label set there is one point for each metric at most.
func Of(tree sup.SupervisorInfo, at time.Time) []Point {
	s := newSums(at)
	s.add(tree.Path, tree)
	return s.points()
}
