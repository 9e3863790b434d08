package main

import (
	"context"
	"math"
	"time"

	"github.com/thejerf/suture/v4"
)

// sutured is a running supervisor of suture.
type sutured struct {
	*suture.Supervisor
	cancel context.CancelFunc
	done   <-chan error
}

func newSutured() sutured {
	s := suture.New("supervisor", suture.Spec{
		EventHook:        func(suture.Event) {},
		FailureThreshold: math.MaxFloat64,
		Timeout:          time.Minute,
	})
	ctx, cancel := context.WithCancel(context.Background())
	return sutured{s, cancel, s.ServeBackground(ctx)}
}

func (s sutured) startAll(n int, w suture.Service) {
	for range n {
		s.Add(w)
	}
}

func (s sutured) stop() {
	s.cancel()
	<-s.done
}
