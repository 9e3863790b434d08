// Package poll reads the snapshots of several trees for one collection of metrics.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

const (
	// Patience is how long a collection waits for its trees, all of which it reads
	// at the same time.
	Patience = 5 * time.Second
	// grace is how much longer it waits for an inspector to heed its context.
	grace = time.Second
)

// The metrics that a collection adds to those of package figures.
const (
	Up         = "sup.up"
	UpHelp     = "Whether the figures of the tree could be read; 0 if not."
	Reason     = "sup.down.reason"
	ReasonHelp = "1 for the reason why the figures of the tree could not be read."
	Unit       = "{tree}"
)

// UpLabels and ReasonLabels are the labels of Up and Reason.
var (
	UpLabels     = []string{"tree"}
	ReasonLabels = []string{"tree", "reason"}
)

// A Reading is what a collection learned of one tree.
type Reading struct {
	Tree     string // a label, distinct among the readings of a set
	Snapshot sup.SupervisorInfo
	Err      error  // nil if there is a snapshot
	Reason   string // why there is none, see reasonOf; "" if there is
}

// A Set is a number of trees. It is safe for concurrent use.
type Set struct {
	trees []*tree

	mu sync.Mutex // guards the fields of trees that say so
}

// A tree is one of a set.
type tree struct {
	inspector sup.Inspector
	label     string        // as long as no name is known
	turn      chan struct{} // holds a token while the tree is being read

	name   string // last known, "" if none; guarded by Set.mu
	reason string // of the last reading; guarded by Set.mu
}

// NewSet returns the set of some trees.
func NewSet(trees ...sup.Inspector) *Set {
	s := new(Set)
	for i, inspector := range trees {
		t := &tree{inspector: inspector, label: "tree " + strconv.Itoa(i+1), turn: make(chan struct{}, 1)}
		if isLocal(inspector) {
			if status, err := inspector.Status(context.Background(), ""); err == nil {
				t.label = Label(status.Path)
				t.name = t.label
			}
		}
		s.trees = append(s.trees, t)
	}
	return s
}

// isLocal reports whether an inspector is of this process, and answers at once.
func isLocal(inspector sup.Inspector) bool {
	return inspector != nil && reflect.TypeOf(inspector) == reflect.TypeOf(sup.Inspect(nil))
}

// Check returns an error if a tree is nil, or if two trees of this process have
// the same name. The names of others are not known before they are reached.
func (s *Set) Check() error {
	var faults []error
	first := make(map[string]int)
	for i, t := range s.trees {
		if t.inspector == nil {
			faults = append(faults, fmt.Errorf("tree %d is nil: give a supervisor, or an inspector of one", i+1))
			continue
		}
		if !isLocal(t.inspector) {
			continue
		}
		if j, taken := first[t.label]; taken {
			faults = append(faults, fmt.Errorf("trees %d and %d are both named %q: give each Spec a Name of its own, and each tree once", j, i+1, t.label))
			continue
		}
		first[t.label] = i + 1
	}
	return errors.Join(faults...)
}

// Read reads all trees at the same time, and returns a reading of each in their
// order. It takes no longer than Patience and a second, nor much longer than ctx. Trees
// that become unreadable, and those that are read again, are logged.
func (s *Set) Read(ctx context.Context) []Reading {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	readings := make([]Reading, len(s.trees))
	var reading sync.WaitGroup
	for i, t := range s.trees {
		reading.Go(func() { readings[i].Snapshot, readings[i].Err = t.read(ctx) })
	}
	reading.Wait()
	for i := range readings { // without mu: the errors have methods of their own
		readings[i].Reason = reasonOf(readings[i].Err)
	}
	for _, r := range s.settle(readings) {
		if r.Err == nil {
			slog.LogAttrs(ctx, slog.LevelInfo, "metrics of a tree available again", slog.String("tree", r.Tree))
			continue
		}
		slog.LogAttrs(ctx, slog.LevelWarn, "metrics of a tree unavailable",
			slog.String("tree", r.Tree), slog.String("reason", r.Reason), slog.String("err", textOf(r.Err)))
	}
	return readings
}

// read takes a snapshot of a tree.
func (t *tree) read(ctx context.Context) (sup.SupervisorInfo, error) {
	if t.inspector == nil {
		return sup.SupervisorInfo{}, errNil
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return sup.SupervisorInfo{}, context.Cause(ctx)
	}
	type result struct {
		snapshot sup.SupervisorInfo
		err      error
	}
	done := make(chan result, 1)
	// An inspector that ignores its context keeps the turn, so that there is one
	// goroutine of this kind for each tree at most.
	go func() {
		defer func() { <-t.turn }()
		var r result
		r.snapshot, r.err = Snapshot(ctx, t.inspector)
		done <- r
	}()
	select {
	case r := <-done:
		return r.snapshot, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case r := <-done:
		return r.snapshot, r.err
	case <-late.C:
		return sup.SupervisorInfo{}, context.Cause(ctx)
	}
}

// Snapshot is the Tree of an inspector. A panic of its methods is an error.
func Snapshot(ctx context.Context, inspector sup.Inspector) (snapshot sup.SupervisorInfo, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	return inspector.Snapshot(ctx, "")
}

// settle names the readings, and refuses those whose name another tree has. It
// returns those whose reason has changed.
func (s *Set) settle(readings []Reading) (changed []Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := make(map[string]bool)
	for i, t := range s.trees {
		r := &readings[i]
		if r.Err == nil {
			name := Label(r.Snapshot.Path)
			if j := s.holderLocked(name, i); j >= 0 {
				t.name = ""
				t.label = fmt.Sprintf("%s (tree %d)", name, i+1)
				r.Snapshot, r.Err, r.Reason = sup.SupervisorInfo{}, &takenError{name, j + 1}, nameTaken
			} else {
				t.name = name
			}
		}
		if r.Tree = t.name; r.Tree == "" {
			r.Tree = t.label
		}
		for used[r.Tree] {
			r.Tree += "'"
		}
		used[r.Tree] = true
		if r.Reason != t.reason {
			changed = append(changed, *r)
		}
		t.reason = r.Reason
	}
	return changed
}

// holderLocked returns the index of another tree whose series have the name of tree i,
// or -1. It has them also while it cannot be read, since they go on afterwards.
func (s *Set) holderLocked(name string, i int) int {
	for j, t := range s.trees {
		if j != i && t.name != "" && overlap(t.name, name) {
			return j
		}
	}
	return -1
}

// overlap reports whether two paths are the same, or one is below the other: a
// supervisor may be given, and one that is nested in it.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}
