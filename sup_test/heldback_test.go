package sup_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Events: A tree that restarts faster than its observer reads is held back, also if it
// restarts in rounds.
func TestACrashLoopOfRoundsWaitsForASlowObserver(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				var lives atomic.Int64
				slow := sup.ObserverFunc(func(sup.Event) { <-release })
				start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: sup.Unlimited, Observers: []sup.Observer{slow},
					Children: []sup.ChildSpec[*fake]{crashLoop(&lives)}})
				synctest.Wait()
				if n := lives.Load(); n < 100 || n > 5000 {
					t.Errorf("%d lives although the observer received no event", n)
				}
				close(release)
			})
		})
	}
}

// S5: A restart that is held back by a slow observer has not begun, and so its start
// timeout does not run.
func TestARestartThatIsHeldBackDoesNotRunOutOfItsStartTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		var lives atomic.Int64
		var timeouts atomic.Int64
		slow := sup.ObserverFunc(func(e sup.Event) {
			<-release
			if errors.Is(e.Exit.Err, sup.ErrStartTimeout) {
				timeouts.Add(1)
			}
		})
		child := crashLoop(&lives)
		child.StartTimeout = time.Second
		start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Observers: []sup.Observer{slow}, Children: []sup.ChildSpec[*fake]{child}})
		time.Sleep(time.Minute)
		close(release)
		synctest.Wait()
		if n := timeouts.Load(); n > 0 {
			t.Errorf("%d events of a start timeout, of a child that starts at once", n)
		}
	})
}
