package main

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// A survey is the supervision tree and the state that its workers share.
//
// The walker finds the files and sends them to the pool. A file that breaks its reader is
// not sent again, because it could break all readers. It stays uncounted until the pool
// is done. Then it gets its own worker with its own restart budget. A worker that exceeds
// the budget is quarantined.
//
// Files are read at least once and counted by path. So each file is counted exactly once,
// whichever worker fails.
type survey struct {
	sup.Tree
	suspects sup.Keyed[string, *suspect] // by path
	pool     sup.Replicas[*reader]
	walker   sup.Child[*walker]

	files kv.Context[string, *report] // by path; nil until counted

	source   fs.FS
	queue    chan string   // from the walker to the pool; closed after the last file
	patience time.Duration // time without progress after which a worker counts as hung
	chaos    *chaos        // nil if nothing is broken
}

// config holds the flags.
type config struct {
	readers   int // in the pool
	patience  time.Duration
	chaos     *chaos
	verify    bool
	observers []sup.Observer
}

func newSurvey(source fs.FS, c config) *survey {
	s := &survey{source: source, queue: make(chan string), patience: c.patience, chaos: c.chaos}
	const grace = 50 * time.Millisecond // time to stop, after which a worker is abandoned
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
			Intensity: sup.Unlimited, // each file breaks one reader at most
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
	if err := s.chaos.trigger(path, beforeCount); err != nil {
		return err
	}
	r, err := readReport(s.source, path)
	if err != nil {
		return err
	}
	if err := s.count(path, r); err != nil {
		return err
	}
	return s.chaos.trigger(path, afterCount)
}

// count counts a file once.
func (s *survey) count(path string, r *report) error {
	return s.files.Update(path, func(counted *report, _ bool) (*report, kv.Op) {
		if counted != nil {
			return nil, kv.Keep
		}
		return r, kv.Set
	})
}

// progress returns the numbers of counted and found files.
func (s *survey) progress() (counted, found int) {
	return s.files.Len() - len(s.uncounted()), s.files.Len()
}

// uncounted returns the files that are not counted, sorted.
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
