package sup_test

import (
	"context"
	"sync"
	"testing/synctest"

	"github.com/espalier-go/espalier/sup"
)

// onRecord returns the events that a supervisor has on record.
func onRecord(s sup.AnySupervisor) (events []sup.Event) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range sup.Inspect(s).Events(ended, "", 0) {
		if err == nil {
			events = append(events, e)
		}
	}
	return events
}

// A listener collects the events of a supervisor from the moment of listen.
type listener struct {
	close context.CancelFunc

	mu     sync.Mutex
	events []sup.Event
	ended  bool
}

func listen(s sup.AnySupervisor) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{close: cancel}
	go func() {
		for e, err := range sup.Inspect(s).Events(ctx, "", sup.FromNow) {
			if err == nil {
				l.mu.Lock()
				l.events = append(l.events, e)
				l.mu.Unlock()
			}
		}
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
	}()
	synctest.Wait()
	return l
}

// pending returns the events since its last call, and reports whether the stream has
// ended.
func (l *listener) pending() (events []sup.Event, ended bool) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	events, l.events = l.events, nil
	return events, l.ended
}
