// Package poll reads snapshots of several trees for one collection of metrics.
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

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

const (
	// Timeout is how long a collection waits for its trees. It reads all of them at the
	// same time.
	Timeout = 5 * time.Second
	// grace is how much longer it waits for an inspector that returns late.
	grace = time.Second
)

// Names, help texts and unit of the metrics that a collection adds to those of
// package figures.
const (
	Up         = "sup.up"
	UpHelp     = "1 if the figures of the tree could be read, 0 if not."
	Reason     = "sup.down.reason"
	ReasonHelp = "1 for the reason why the figures of the tree could not be read."
	Unit       = "{tree}"
)

// UpLabels and ReasonLabels are the labels of Up and Reason.
var (
	UpLabels     = []string{"tree"}
	ReasonLabels = []string{"tree", "reason"}
)

// A Reading is the result of reading one tree.
type Reading struct {
	Tree     string             // label, unique among the readings of a set
	Snapshot sup.SupervisorInfo // zero if Err is set
	Err      error              // nil if there is a snapshot
	Reason   string             // summary of Err for a label, "" if Err is nil
}

// A Set is a number of trees. It is safe for concurrent use.
type Set struct {
	trees []*tree

	mu sync.Mutex
}

type tree struct {
	inspector sup.Inspector
	reading   chan struct{} // semaphore: one call of the inspector at a time

	// The following fields are guarded by Set.mu.
	name   string // last known, "" if none
	label  string // in place of the name while none is known
	reason string // of the last reading
}

// NewSet returns the set of the given trees.
func NewSet(trees ...sup.Inspector) *Set {
	s := new(Set)
	for i, inspector := range trees {
		t := &tree{inspector: inspector, label: "tree " + strconv.Itoa(i+1), reading: make(chan struct{}, 1)}
		if isLocal(inspector) {
			if snapshot, err := inspector.Snapshot(context.Background(), ""); err == nil {
				t.label = Label(snapshot.Path)
				t.name = t.label
			}
		}
		s.trees = append(s.trees, t)
	}
	return s
}

// isLocal reports whether an inspector reads a tree of this process. It answers
// immediately then.
func isLocal(inspector sup.Inspector) bool {
	return inspector != nil && reflect.TypeOf(inspector) == reflect.TypeOf(sup.Inspect(nil))
}

// Check returns an error if a tree is nil, or if two trees of this process have
// the same name. The names of other trees are unknown until they are read.
func (s *Set) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var faults []error
	first := make(map[string]int)
	for i, t := range s.trees {
		if t.inspector == nil {
			faults = append(faults, fmt.Errorf("tree %d is nil (pass a supervisor, or an inspector of one)", i+1))
			continue
		}
		if !isLocal(t.inspector) {
			continue
		}
		if j, taken := first[t.label]; taken {
			faults = append(faults, fmt.Errorf("trees %d and %d are both named %q (give each Spec a Name of its own, and pass each tree once)", j, i+1, t.label))
			continue
		}
		first[t.label] = i + 1
	}
	return errors.Join(faults...)
}

// Read reads all trees at the same time, and returns a reading of each in order. It
// takes at most Timeout and a second, and ends within a second of ctx. A tree is logged
// when it becomes unreadable, when the reason changes, and when it is readable again.
func (s *Set) Read(ctx context.Context) []Reading {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	readings := make([]Reading, len(s.trees))
	var reading sync.WaitGroup
	for i, t := range s.trees {
		reading.Go(func() { readings[i].Snapshot, readings[i].Err = t.read(ctx) })
	}
	reading.Wait()
	for i := range readings { // without mu, since the errors may have methods of the program
		readings[i].Reason = reasonOf(readings[i].Err)
	}
	for _, r := range s.assignNames(readings) {
		if r.Err == nil {
			slog.LogAttrs(ctx, slog.LevelInfo, "metrics of a tree available again", slog.String("tree", r.Tree))
			continue
		}
		slog.LogAttrs(ctx, slog.LevelWarn, "metrics of a tree unavailable",
			slog.String("tree", r.Tree), slog.String("reason", r.Reason), slog.String("err", textOf(r.Err)))
	}
	return readings
}

func (t *tree) read(ctx context.Context) (sup.SupervisorInfo, error) {
	if t.inspector == nil {
		return sup.SupervisorInfo{}, errNil
	}
	select {
	case t.reading <- struct{}{}:
	case <-ctx.Done():
		return sup.SupervisorInfo{}, context.Cause(ctx)
	}
	type result struct {
		snapshot sup.SupervisorInfo
		err      error
	}
	done := make(chan result, 1)
	// This goroutine outlives read if the inspector ignores its context. It keeps the
	// semaphore then, so that each tree has at most one.
	go func() {
		defer func() { <-t.reading }()
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

// condenser is an inspector that can leave out what metrics do not need.
type condenser interface {
	Condense(ctx context.Context, path string) (sup.SupervisorInfo, error)
}

// Snapshot returns a snapshot of an inspector's tree. In that of a tree of this process,
// members of sets that are idle or running are not listed: States has their number, and
// Retired their counters. It returns a panic of the inspector as an error.
func Snapshot(ctx context.Context, inspector sup.Inspector) (snapshot sup.SupervisorInfo, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	if c, ok := inspector.(condenser); ok && isLocal(inspector) {
		return c.Condense(ctx, "")
	}
	return inspector.Snapshot(ctx, "")
}

// assignNames names the readings. A reading whose name belongs to another tree becomes an
// error. It returns the readings whose reason has changed.
func (s *Set) assignNames(readings []Reading) (changed []Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := make(map[string]bool)
	for i, t := range s.trees {
		r := &readings[i]
		if r.Err == nil {
			name := Label(r.Snapshot.Path)
			if j := s.ownerLocked(name, i); j >= 0 {
				t.name = ""
				t.label = fmt.Sprintf("%s (tree %d)", name, i+1)
				r.Snapshot, r.Err, r.Reason = sup.SupervisorInfo{}, &nameTakenError{name, j + 1}, nameTaken
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

// ownerLocked returns the index of another tree than i that owns a name, or -1. A
// tree keeps its name while it cannot be read, since its series continue afterwards.
func (s *Set) ownerLocked(name string, i int) int {
	for j, t := range s.trees {
		if j != i && t.name != "" && overlap(t.name, name) {
			return j
		}
	}
	return -1
}

// overlap reports whether two paths are equal or one is below the other. The series of a
// tree include those of a supervisor that is nested in it.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// Label returns a text as the value of a label. Control characters and invalid
// UTF-8 are escaped as in a path, such as %FF, since metrics are shown in terminals too.
func Label(text string) string { return termtext.Path(text) }
