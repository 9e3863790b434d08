package kv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/storetest"
)

// A Mirror ends up with what is stored, whatever its connection does, and no key ever goes
// back to an earlier value.
func TestAMirrorFollowsAndNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var m store.Memory
		defer m.Close()
		direct, _ := stored[int](t, kv.StoredSpec[int]{Store: &m})
		f := storetest.NewFaulty(&m, 1, storetest.Faults{})
		s, _ := stored[int](t, kv.StoredSpec[int]{Store: f})
		mirror, err := s.Mirror(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.SetFaults(storetest.Faults{Delay: 10 * time.Millisecond, Break: 0.2, Compacted: 0.2, Fail: 0.1})

		watch, stop := context.WithCancel(ctx)
		latest := map[int]int{}
		watched := make(chan struct{})
		changes := mirror.WatchAll(watch, 100_000)
		go func() {
			defer close(watched)
			for c := range changes {
				if c.Present && c.Value < latest[c.Key] {
					t.Errorf("key %d went from %d back to %d", c.Key, latest[c.Key], c.Value)
				}
				if c.Present {
					latest[c.Key] = c.Value
				}
			}
		}()
		random := rand.New(rand.NewPCG(1, 1))
		for i := 1; i < 2000; i++ {
			key := random.IntN(20)
			if random.IntN(4) == 0 {
				if _, _, err := direct.Delete(ctx, key); err != nil {
					t.Fatal(err)
				}
			} else if err := direct.Set(ctx, key, i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
		}
		f.SetFaults(storetest.Faults{})
		time.Sleep(time.Minute)
		want, rev, err := direct.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, maps.Collect(mirror.All())); diff != "" {
			t.Errorf("the mirror has (-want +got):\n%s", diff)
		}
		if mirror.Rev() != rev || mirror.Len() != len(want) || mirror.Err() != nil {
			t.Errorf("the mirror is at %d with %d keys, %v; want %d with %d", mirror.Rev(), mirror.Len(), mirror.Err(), rev, len(want))
		}
		if age := mirror.Age(); age > 2*store.ProgressInterval {
			t.Errorf("the mirror is %v old", age)
		}
		f.Cut()
		time.Sleep(time.Hour)
		if age := mirror.Age(); age < 59*time.Minute {
			t.Errorf("the mirror was cut off for an hour and says it is %v old", age)
		}
		f.Heal()
		stop()
		<-watched
		mirror.Close()
		mirror.Close()
		if _, ok := mirror.Get(0); ok != hasKey(want, 0) {
			t.Error("a closed mirror has lost its values")
		}
	})
}

func hasKey(m map[int]int, key int) bool { _, ok := m[key]; return ok }

// A value that cannot be decoded leaves its key as it was, and is reported.
func TestAMirrorReportsValuesThatItCannotDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s, m := stored[string](t, kv.StoredSpec[int]{Name: "n"})
		if err := s.Set(ctx, "a", 1); err != nil {
			t.Fatal(err)
		}
		mirror, err := s.Mirror(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer mirror.Close()
		if _, err := m.Commit(ctx, store.Tx{Do: []store.Op{store.Put(kv.DefaultPrefix+"kv/n/a", []byte("bad"))}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if bad, ok := errors.AsType[*kv.CodecError](mirror.Err()); !ok || bad.Key != "a" {
			t.Errorf("Err: %v", mirror.Err())
		}
		if v, ok := mirror.Get("a"); !ok || v != 1 {
			t.Errorf("a is %d, %v", v, ok)
		}
		if err := s.Set(ctx, "a", 2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v, _ := mirror.Get("a"); v != 2 || mirror.Err() != nil {
			t.Errorf("a is %d, %v", v, mirror.Err())
		}
		m.Close()
		synctest.Wait()
		if !errors.Is(mirror.Err(), store.ErrClosed) {
			t.Errorf("Err after the store was closed: %v", mirror.Err())
		}
	})
}

// A testFence is a fence whose owner record is a key.
type testFence struct {
	m       *store.Memory
	rev     store.Rev
	settled int
}

var errFenced = errors.New("fenced off")

func (f *testFence) Cond() (store.Cond, error) { return store.Cond{Key: "own", Rev: f.rev}, nil }
func (f *testFence) Refused(_ context.Context, found store.Entry) error {
	if string(found.Value) == "me" {
		f.rev = found.Modified
		return nil
	}
	return errFenced
}
func (f *testFence) Settle(ctx context.Context) error {
	r, err := f.m.Commit(ctx, store.Tx{If: []store.Cond{{Key: "own", Rev: f.rev}}, Do: []store.Op{store.Put("own", []byte("me"))}})
	if err != nil || !r.Done {
		return fmt.Errorf("settle: %v, %w", err, errFenced)
	}
	f.rev = r.Rev
	f.settled++
	return nil
}

func TestAFenceGuardsReadsAndWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var m store.Memory
		defer m.Close()
		faulty := storetest.NewFaulty(&m, 1, storetest.Faults{})
		s, _ := stored[string](t, kv.StoredSpec[int]{Store: faulty, Fenced: true})
		if err := s.Set(ctx, "a", 1); !errors.Is(err, kv.ErrUnfenced) {
			t.Errorf("a write without a fence: %v", err)
		}
		r, err := m.Commit(ctx, store.Tx{Do: []store.Op{store.Put("own", []byte("me"))}})
		if err != nil {
			t.Fatal(err)
		}
		fence := &testFence{m: &m, rev: r.Rev}
		mine := store.WithFence(ctx, fence)
		if err := s.Set(mine, "a", 1); err != nil {
			t.Error(err)
		}
		// Unknown outcomes are settled, and late ones of an old token have no effect.
		faulty.SetFaults(storetest.Faults{Unknown: 0.5, Late: time.Minute})
		for i := range 100 {
			if err := s.Set(mine, "a", i); err != nil {
				t.Fatal(err)
			}
		}
		faulty.Wait()
		faulty.SetFaults(storetest.Faults{})
		if v, _, err := s.Get(mine, "a"); err != nil || v != 99 || fence.settled == 0 {
			t.Errorf("a is %d after 99, %v; %d outcomes were settled", v, err, fence.settled)
		}
		if _, err := kv.AddStored(mine, s, "a", 1); err != nil {
			t.Error(err)
		}
		if _, err := m.Commit(ctx, store.Tx{Do: []store.Op{store.Put("own", []byte("another"))}}); err != nil {
			t.Fatal(err)
		}
		_, _, get := s.Get(mine, "a")
		for _, err := range []error{get, s.Set(mine, "a", 1000), s.Update(mine, "a", func(int, bool) (int, kv.Op) { return 1000, kv.Set })} {
			if !errors.Is(err, errFenced) {
				t.Errorf("a call after the term: %v", err)
			}
		}
		if v, _, _ := s.Get(ctx, "a"); v != 100 {
			t.Errorf("a is %d", v)
		}
	})
}
