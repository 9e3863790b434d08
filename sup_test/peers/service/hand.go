package service

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// ByHand builds the tree of [NewService] as a programmer would by hand.
func ByHand(worker *Worker) *Service {
	s := new(Service)
	s.Declare(
		sup.TreeSpec{
			Name:      "service",
			Strategy:  sup.RestForOne,
			Intensity: sup.Intensity{Restarts: 3, Within: 5 * time.Second},
		},
		s.DB.Declare(sup.ChildSpec[*Worker]{
			ID:       "db",
			Start:    func(context.Context) (*Worker, error) { return worker, nil },
			Shutdown: 5 * time.Second,
		}),
		s.Cache.Declare(sup.ChildSpec[*Worker]{
			ID:      "cache",
			Start:   func(context.Context) (*Worker, error) { return worker, nil },
			Restart: sup.Transient,
			Backoff: sup.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second},
		}),
		s.Feeds.Declare(sup.KeyedSpec[string, *Worker]{
			Name:    "feeds",
			Start:   func(context.Context, string) (*Worker, error) { return worker, nil },
			Max:     10000,
			Restart: sup.Transient,
		}),
		s.Match.Declare(sup.ReplicasSpec[*Worker]{
			Name:  "match",
			Count: 4,
			Start: func(context.Context, int) (*Worker, error) { return worker, nil },
		}),
	)
	return s
}

// Made makes the children of the generated tree.
type Made struct{ Worker *Worker }

// NewDB implements [ServiceChildren].
func (m Made) NewDB(context.Context, *Service) (*Worker, error) { return m.Worker, nil }

// NewCache implements [ServiceChildren].
func (m Made) NewCache(context.Context, *Service) (*Worker, error) { return m.Worker, nil }

// NewFeeds implements [ServiceChildren].
func (m Made) NewFeeds(context.Context, *Service, string) (*Worker, error) { return m.Worker, nil }

// NewMatch implements [ServiceChildren].
func (m Made) NewMatch(context.Context, *Service, int) (*Worker, error) { return m.Worker, nil }
