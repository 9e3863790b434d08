package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(leaks.Run(m)) }

func TestMemoryKeepsTheGuarantees(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		m := new(store.Memory)
		t.Cleanup(func() { m.Close() })
		return m
	})
}

// In a bubble the time of leases and of progress is virtual.
func TestMemoryInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m store.Memory
		defer m.Close()
		id, _, err := m.Lease(t.Context(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Commit(t.Context(), store.Tx{Do: []store.Op{{Key: "a", Lease: id}}}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var at []time.Duration
		for batch, err := range m.Watch(t.Context(), "", 1) {
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Events) > 0 {
				break
			}
			if at = append(at, time.Since(begun)); len(at) == 2 {
				if err := m.Renew(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if lasted := time.Since(begun); lasted != 15*time.Second {
			t.Errorf("a lease of 10 s that was renewed after 5 s lasted %v", lasted)
		}
		if fmt.Sprint(at[:3]) != "[0s 5s 10s]" {
			t.Errorf("progress was reported at %v", at)
		}
	})
}

// A Memory forgets changes by itself, but never the last ten thousand.
func TestMemoryForgetsOldChanges(t *testing.T) {
	var m store.Memory
	defer m.Close()
	for range 2*store.History + 10 {
		if _, err := m.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("a", nil)}}); err != nil {
			t.Fatal(err)
		}
	}
	last := store.Rev(2*store.History + 10)
	for batch, err := range m.Watch(t.Context(), "", last-store.History) {
		if err != nil || batch.Rev != last-store.History+1 {
			t.Errorf("first of the last %d: %v, %v", store.History, batch, err)
		}
		break
	}
	for _, err := range m.Watch(t.Context(), "", 1) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watch from the first revision: %v", err)
		}
	}
}

func TestAClosedMemoryReturnsErrClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m store.Memory
		ctx := t.Context()
		id, _, err := m.Lease(ctx, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		watch := make(chan error, 1)
		go func() {
			for _, err := range m.Watch(ctx, "", 0) {
				if err != nil {
					watch <- err
				}
			}
		}()
		synctest.Wait()
		m.Close()
		m.Close()
		for what, err := range map[string]error{
			"Watch":   <-watch,
			"Get":     second(m.Get(ctx, "a")),
			"Commit":  second(m.Commit(ctx, store.Tx{})),
			"List":    third(m.List(ctx, "")),
			"Lease":   third(m.Lease(ctx, time.Second)),
			"Renew":   m.Renew(ctx, id),
			"Revoke":  m.Revoke(ctx, id),
			"Compact": m.Compact(context.Background(), 1),
		} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s returned %v", what, err)
			}
		}
	})
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }
