package proc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

type beating struct{ beats int }

// Run tells a worker of messages, as a process would send them, and returns.
func (b beating) Run(ctx context.Context) error {
	hear := new(Worker).hearWith(ctx)
	for range b.beats {
		time.Sleep(time.Second)
		hear(NotifyAlive)
	}
	hear("STATUS=no beat")
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Minute):
		return nil
	}
}

// The watchdog of a child hears what its process sends.
func TestMessagesFeedTheWatchdogOfTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, err := sup.Start(t.Context(), sup.Spec[beating]{
			AutoShutdown: sup.AutoShutdownAnySignificant,
			Children: []sup.ChildSpec[beating]{{
				ID: "one", Restart: sup.Temporary, Significant: true, Watchdog: 2 * time.Second,
				Start: func(context.Context) (beating, error) { return beating{10}, nil },
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		if lived := time.Since(began); lived != 12*time.Second {
			t.Errorf("it has lived %v, want 12s", lived)
		}
	})
}
