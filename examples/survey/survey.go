package main

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// A survey is the supervision tree, and the state that its workers share.
//
// The walker finds the files and feeds them to the pool. A file that kills a
// reader is not given to the pool again, where it could kill one after the
// other. It stays behind, found and not counted, until the pool is done; then
// it gets a worker and a restart budget of its own, and what uses that up is
// quarantined.
//
// Files are handed out at least once, and counted under their path. So each is
// counted exactly once, whoever dies when.
type survey struct {
	sup.Tree
	suspects sup.Keyed[string, *suspect] // by path
	pool     sup.Replicas[*reader]
	walker   sup.Child[*walker]

	files kv.Context[string, *report] // found so far; nil until counted

	source   fs.FS
	queue    chan string   // from the walker to the pool; closed at the end
	patience time.Duration // how long a worker may be silent before it counts as hung
	chaos    *chaos        // nil for none
}

// config is what there is to choose about a survey.
type config struct {
	readers   int // in the pool
	patience  time.Duration
	chaos     *chaos
	verify    bool
	observers []sup.Observer
}

func newSurvey(source fs.FS, c config) *survey {
	s := &survey{source: source, queue: make(chan string), patience: c.patience, chaos: c.chaos}
	const grace = 50 * time.Millisecond // for stopping; a worker that takes longer is abandoned
	s.Declare(sup.TreeSpec{Name: "survey", Observers: c.observers},
		s.suspects.Declare(sup.KeyedSpec[string, *suspect]{
			Name:     "suspects",
			Start:    s.newSuspect,
			Restart:  sup.Transient,
			Backoff:  sup.Backoff{Min: 10 * time.Millisecond},
			Budget:   sup.Intensity{Restarts: 2, Within: time.Minute},
			Watchdog: c.patience,
			Shutdown: grace,
			Stuck:    sup.StuckAbandon,
		}),
		s.pool.Declare(sup.ReplicasSpec[*reader]{
			Name:      "pool",
			Count:     c.readers,
			Start:     s.newReader,
			Restart:   sup.Transient,
			Intensity: sup.Unlimited, // a file kills no more than one reader
			Watchdog:  c.patience,
			Shutdown:  grace,
			Stuck:     sup.StuckAbandon,
		}),
		s.walker.Declare(sup.ChildSpec[*walker]{
			ID:       "walker",
			Start:    s.newWalker,
			Restart:  sup.Transient,
			Shutdown: grace,
			Stuck:    sup.StuckAbandon,
		}),
	)
	return s
}

// read reads one file and counts it.
func (s *survey) read(ctx context.Context, path string) error {
	sup.Beat(ctx)
	if err := s.chaos.strike(path, beforeCount); err != nil {
		return err
	}
	r, err := readReport(s.source, path)
	if err != nil {
		return err
	}
	if err := s.count(path, r); err != nil {
		return err
	}
	return s.chaos.strike(path, afterCount)
}

// count counts a file, unless it has been.
func (s *survey) count(path string, r *report) error {
	return s.files.Update(path, func(counted *report, _ bool) (*report, kv.Op) {
		if counted != nil {
			return nil, kv.Keep
		}
		return r, kv.Set
	})
}

// progress returns how many files have been counted and found.
func (s *survey) progress() (counted, found int) {
	return s.files.Len() - len(s.uncounted()), s.files.Len()
}

// uncounted returns the files that have been found and not counted, sorted.
func (s *survey) uncounted() []string {
	var paths []string
	for path, r := range s.files.All() {
		if r == nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
