package sup

import (
	"context"
	"slices"
	"testing"
)

// O1, S7: A call that starts children returns when their events are on record, so that a
// stream that begins after it does not yield them.
func TestAStartReturnsWhenItsEventsAreOnRecord(t *testing.T) {
	k := NewKeyed(KeyedSpec[int, *idler]{Start: func(context.Context, int) (*idler, error) { return new(idler), nil }})
	if err := k.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer k.Shutdown(context.Background())
	events := k.base().current().events
	for _, call := range []struct {
		name   string
		first  int
		events uint64
		start  func(key int) error
	}{
		{"StartChild", 0, 2, func(key int) error { _, err := k.StartChild(t.Context(), key); return err }},
		{"StartAll", 10_000, 6, func(key int) error {
			return k.StartAll(t.Context(), slices.Values([]int{key, key + 10_000, key + 20_000}))
		}},
	} {
		for n := range 2000 {
			before := events.last()
			if err := call.start(call.first + n); err != nil {
				t.Fatal(err)
			}
			if got := events.last() - before; got != call.events {
				t.Fatalf("%s of child %d: %d events at its return; want %d", call.name, n, got, call.events)
			}
		}
	}
}
