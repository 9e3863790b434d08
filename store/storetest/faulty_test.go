package storetest_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(leaks.Run(m)) }

// Without faults, a Faulty keeps the guarantees of its store, also when it is slow.
func TestAFaultyWithoutFaultsKeepsTheGuarantees(t *testing.T) {
	for name, faults := range map[string]storetest.Faults{"none": {}, "slow": {Delay: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				m := new(store.Memory)
				t.Cleanup(func() { m.Close() })
				return storetest.NewFaulty(m, 1, faults)
			})
		})
	}
}

// A commit of unknown outcome takes effect before its call returns, after that, or never.
func TestAnUnknownOutcomeIsAllThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m store.Memory
		defer m.Close()
		f := storetest.NewFaulty(&m, 1, storetest.Faults{Unknown: 1, Late: time.Minute})
		before, after, never := 0, 0, 0
		for range 300 {
			was, _ := m.Get(t.Context(), "a")
			_, err := f.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("a", nil)}})
			if !errors.Is(err, store.ErrUnknown) || !errors.Is(err, storetest.ErrInjected) {
				t.Fatal(err)
			}
			soon, _ := m.Get(t.Context(), "a")
			f.Wait()
			late, _ := m.Get(t.Context(), "a")
			switch {
			case soon.Modified > was.Modified:
				before++
			case late.Modified > soon.Modified:
				after++
			default:
				never++
			}
		}
		if before < 50 || after < 50 || never < 50 {
			t.Errorf("of 300 commits %d took effect before, %d after and %d never", before, after, never)
		}
	})
}

func TestACutConnectionHoldsCallsUntilItHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m store.Memory
		defer m.Close()
		f := storetest.NewFaulty(&m, 1, storetest.Faults{})
		f.Cut()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Get(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get while cut off: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Commit(ctx, store.Tx{}); !errors.Is(err, store.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit while cut off: %v", err)
		}
		time.AfterFunc(time.Hour, f.Heal)
		begun := time.Now()
		if _, err := f.Get(t.Context(), "a"); err != nil || time.Since(begun) != time.Hour {
			t.Errorf("Get returned %v after %v, want nil after an hour", err, time.Since(begun))
		}
	})
}

func TestFaultsOfWatchesAndFailuresAreErrors(t *testing.T) {
	var m store.Memory
	defer m.Close()
	f := storetest.NewFaulty(&m, 1, storetest.Faults{Break: 1})
	for _, err := range f.Watch(t.Context(), "", 0) {
		if !errors.Is(err, storetest.ErrInjected) {
			t.Errorf("Break: %v", err)
		}
	}
	f.SetFaults(storetest.Faults{Compacted: 1, Fail: 1})
	for _, err := range f.Watch(t.Context(), "", 0) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("Compacted: %v", err)
		}
	}
	if _, err := f.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("a", nil)}}); !errors.Is(err, storetest.ErrInjected) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("Fail: %v", err)
	}
	if _, rev, err := m.List(t.Context(), ""); rev != 0 || err != nil {
		t.Errorf("a commit that failed has raised the revision to %d, %v", rev, err)
	}
}
