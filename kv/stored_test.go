package kv_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/storetest"
)

type price struct {
	Cents int
	At    time.Time
}

// stored returns a Stored in a Memory.
func stored[K comparable, V any](t *testing.T, spec kv.StoredSpec[V]) (*kv.Stored[K, V], *store.Memory) {
	t.Helper()
	m := new(store.Memory)
	t.Cleanup(func() { m.Close() })
	if spec.Store == nil {
		spec.Store = m
	}
	if spec.Name == "" {
		spec.Name = "test"
	}
	s, err := kv.NewStored[K](spec)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func TestStoredDoesWhatAContextDoes(t *testing.T) {
	for name, codec := range map[string]kv.Codec[price]{"JSON": nil, "Gob": kv.Gob[price]()} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s, _ := stored[string](t, kv.StoredSpec[price]{Codec: codec})
			p := price{7, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
			if v, ok, err := s.Get(ctx, "ACME"); ok || err != nil || v != (price{}) {
				t.Errorf("Get of an absent key: %v, %v, %v", v, ok, err)
			}
			if err := s.Set(ctx, "ACME", p); err != nil {
				t.Fatal(err)
			}
			if v, ok, err := s.Get(ctx, "ACME"); !ok || err != nil || v != p {
				t.Errorf("Get: %v, %v, %v", v, ok, err)
			}
			if v, loaded, err := s.GetOrSet(ctx, "ACME", price{}); !loaded || err != nil || v != p {
				t.Errorf("GetOrSet of a present key: %v, %v, %v", v, loaded, err)
			}
			if v, loaded, err := s.GetOrSet(ctx, "b/c", price{Cents: 1}); loaded || err != nil || v.Cents != 1 {
				t.Errorf("GetOrSet of an absent key: %v, %v, %v", v, loaded, err)
			}
			err := s.Update(ctx, "ACME", func(old price, ok bool) (price, kv.Op) {
				old.Cents++
				return old, kv.Set
			})
			if err != nil {
				t.Error(err)
			}
			p.Cents++
			m, rev, err := s.Snapshot(ctx)
			if diff := cmp.Diff(map[string]price{"ACME": p, "b/c": {Cents: 1}}, m); diff != "" || err != nil || rev == 0 {
				t.Errorf("Snapshot at %d, %v:\n%s", rev, err, diff)
			}
			var keys []string
			for item, err := range s.All(ctx) {
				if err != nil {
					t.Error(err)
				}
				keys = append(keys, item.Key)
			}
			if got := strings.Join(keys, " "); got != "ACME b/c" {
				t.Errorf("All yields %s", got)
			}
			if old, ok, err := s.Delete(ctx, "ACME"); !ok || err != nil || old != p {
				t.Errorf("Delete: %v, %v, %v", old, ok, err)
			}
			if _, ok, err := s.Delete(ctx, "ACME"); ok || err != nil {
				t.Errorf("second Delete: %v, %v", ok, err)
			}
		})
	}
}

func TestStoredAddAndCompareAndSwap(t *testing.T) {
	ctx := t.Context()
	s, _ := stored[int](t, kv.StoredSpec[int]{})
	for want := range 3 {
		if sum, err := kv.AddStored(ctx, s, 1, 2); err != nil || sum != 2*want+2 {
			t.Errorf("AddStored: %d, %v", sum, err)
		}
	}
	if ok, err := kv.CompareAndSwapStored(ctx, s, 1, 5, 9); ok || err != nil {
		t.Errorf("swap of another value: %v, %v", ok, err)
	}
	if ok, err := kv.CompareAndSwapStored(ctx, s, 1, 6, 9); !ok || err != nil {
		t.Errorf("swap: %v, %v", ok, err)
	}
	if ok, err := kv.CompareAndSwapStored(ctx, s, 2, 0, 9); ok || err != nil {
		t.Errorf("swap of an absent key: %v, %v", ok, err)
	}
}

// day is a key that marshals itself.
type day struct{ year, yday int }

func (d day) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d-%d", d.year, d.yday), nil }
func (d *day) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d-%d", &d.year, &d.yday)
	return err
}

func testKeys[K comparable](t *testing.T, keys ...K) {
	t.Helper()
	s, _ := stored[K](t, kv.StoredSpec[int]{})
	want := map[K]int{}
	for i, key := range keys {
		if err := s.Set(t.Context(), key, i); err != nil {
			t.Errorf("Set of %v: %v", key, err)
		}
		want[key] = i
	}
	got, _, err := s.Snapshot(t.Context())
	if err != nil || len(got) != len(want) {
		t.Errorf("Snapshot: %v, %v", got, err)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%v is %d, want %d", key, got[key], value)
		}
	}
}

func TestKeysOfStored(t *testing.T) {
	type named string
	testKeys(t, "", "a", "a/b", "\x00\xff")
	testKeys[named](t, "x", "")
	testKeys[int8](t, -128, 127, 0)
	testKeys[uint64](t, 0, 1<<64-1)
	testKeys(t, true, false)
	testKeys(t, day{2026, 1}, day{2025, 365})
	_, err := kv.NewStored[struct{ a int }](kv.StoredSpec[int]{Store: new(store.Memory), Name: "x"})
	if !errors.Is(err, store.ErrArguments) || !strings.Contains(err.Error(), "MarshalText") {
		t.Errorf("keys without a text: %v", err)
	}
	_, err = kv.NewStored[float64](kv.StoredSpec[int]{Store: new(store.Memory), Name: "x"})
	if !errors.Is(err, store.ErrArguments) {
		t.Errorf("keys that need not equal themselves: %v", err)
	}
}

func TestFaultsOfAStoredSpecAreReportedAtOnce(t *testing.T) {
	_, err := kv.NewStored[string](kv.StoredSpec[int]{Name: "a/b", MaxValue: -1})
	for _, part := range []string{"the store is nil", `"a/b"`, "MaxValue is -1"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want it to contain %s", err, part)
		}
	}
	var zero kv.Stored[string, int]
	ctx := t.Context()
	_, _, get := zero.Get(ctx, "a")
	_, _, snapshot := zero.Snapshot(ctx)
	_, mirror := zero.Mirror(ctx)
	for _, err := range []error{get, snapshot, mirror, zero.Set(ctx, "a", 1), zero.Fault()} {
		if !errors.Is(err, kv.ErrNoStore) {
			t.Errorf("a Stored without a store: %v", err)
		}
	}
	for _, err := range zero.WatchAll(ctx, 0) {
		if !errors.Is(err, kv.ErrNoStore) {
			t.Errorf("watch of a Stored without a store: %v", err)
		}
	}
	twice := kv.StoredSpec[int]{Store: new(store.Memory), Name: "x"}
	zero.Declare(twice)
	zero.Declare(twice)
	if err := zero.Fault(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("declared twice: %v", err)
	}
}

// A value that cannot be decoded is an error, and stays.
func TestAValueThatCannotBeDecodedIsNeverDropped(t *testing.T) {
	ctx := t.Context()
	s, m := stored[string](t, kv.StoredSpec[int]{Name: "n"})
	if err := errors.Join(s.Set(ctx, "good", 1), s.Set(ctx, "other", 2)); err != nil {
		t.Fatal(err)
	}
	_, before, err := m.List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	raw := kv.DefaultPrefix + "kv/n/bad"
	if _, err := m.Commit(ctx, store.Tx{Do: []store.Op{store.Put(raw, []byte("\x02 from the future"))}}); err != nil {
		t.Fatal(err)
	}
	_, _, get := s.Get(ctx, "bad")
	_, _, snapshot := s.Snapshot(ctx)
	_, _, remove := s.Delete(ctx, "bad")
	_, mirror := s.Mirror(ctx)
	for what, err := range map[string]error{"Get": get, "Snapshot": snapshot, "Delete": remove, "Mirror": mirror} {
		if bad, ok := errors.AsType[*kv.CodecError](err); !ok || bad.Key != "bad" || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("%s: %v", what, err)
		}
	}
	sum, bad := 0, 0
	for item, err := range s.All(ctx) {
		if err != nil {
			bad++
		}
		sum += item.Value
	}
	if sum != 3 || bad != 1 {
		t.Errorf("All yields a sum of %d and %d errors", sum, bad)
	}
	for change, err := range s.WatchAll(ctx, before) {
		if _, ok := errors.AsType[*kv.CodecError](err); !ok || change.Key != "bad" {
			t.Errorf("watch: %v, %v", change, err)
		}
		break
	}
	if err := s.Set(ctx, "bad", 3); err != nil { // a new value can take its place
		t.Error(err)
	}
	type unencodable = func()
	f, _ := stored[string](t, kv.StoredSpec[unencodable]{})
	if _, ok := errors.AsType[*json.UnsupportedTypeError](f.Set(ctx, "f", func() {})); !ok {
		t.Error("a value that cannot be encoded was set")
	}
	small, _ := stored[string](t, kv.StoredSpec[string]{MaxValue: 10})
	if err := small.Set(ctx, "a", "more than ten"); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a value beyond MaxValue: %v", err)
	}
}

func TestStoredUpdateRetriesAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s, _ := stored[string](t, kv.StoredSpec[int]{})
		runs := 0
		err := s.Update(ctx, "a", func(old int, _ bool) (int, kv.Op) {
			if runs++; runs < 5 {
				if err := s.Set(ctx, "a", old+10); err != nil {
					t.Error(err)
				}
			}
			return old + 1, kv.Set
		})
		if v, _, _ := s.Get(ctx, "a"); err != nil || v != 41 || runs != 5 {
			t.Errorf("after %d runs the value is %d, %v", runs, v, err)
		}
		runs = 0
		err = s.Update(ctx, "a", func(old int, _ bool) (int, kv.Op) {
			runs++
			s.Set(ctx, "a", old+1)
			return 0, kv.Delete
		})
		if !errors.Is(err, kv.ErrConflict) || runs != 1000 {
			t.Errorf("an update that never holds: %v after %d runs", err, runs)
		}
		if err := s.Update(ctx, "a", nil); err == nil {
			t.Error("an update without a function succeeded")
		}
		if err := s.Update(ctx, "a", func(int, bool) (int, kv.Op) { return 0, 7 }); err == nil || !strings.Contains(err.Error(), "Op(7)") {
			t.Errorf("an update with an unknown Op: %v", err)
		}
	})
}

// An Update whose outcome is unknown takes effect at most once, also if its first attempt
// takes effect late.
func TestAnUpdateOfUnknownOutcomeTakesEffectOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var m store.Memory
		defer m.Close()
		f := storetest.NewFaulty(&m, 5, storetest.Faults{Unknown: 0.5, Late: time.Second})
		s, _ := stored[string](t, kv.StoredSpec[int]{Store: f})
		if err := setToZero(ctx, &m); err != nil {
			t.Fatal(err)
		}
		acked, unknown := 0, 0
		for range 500 {
			switch _, err := kv.AddStored(ctx, s, "n", 1); {
			case err == nil:
				acked++
			case errors.Is(err, store.ErrUnknown):
				unknown++
			default:
				t.Fatal(err)
			}
		}
		f.SetFaults(storetest.Faults{})
		f.Wait()
		n, _, err := s.Get(ctx, "n")
		if err != nil || n < acked || n > acked+unknown {
			t.Errorf("%d acknowledged and %d unknown additions made %d, %v", acked, unknown, n, err)
		}
		if unknown > 0 {
			t.Errorf("%d additions by one caller were left unknown", unknown)
		}
		f.SetFaults(storetest.Faults{Unknown: 1})
		if err := s.Set(ctx, "n", 0); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("a Set of unknown outcome: %v", err)
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := s.Update(ctx, "x", func(int, bool) (int, kv.Op) { return 1, kv.Set }); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("an Update that is never known: %v", err)
		}
		f.Wait()
	})
}

// setToZero sets the key n to 0, without faults.
func setToZero(ctx context.Context, m *store.Memory) error {
	s, err := kv.NewStored[string](kv.StoredSpec[int]{Store: m, Name: "test"})
	if err != nil {
		return err
	}
	return s.Set(ctx, "n", 0)
}

// A first attempt that takes effect late cannot do so after a second one was undone: the
// key is absent then, as it was at first.
func TestAnUpdateOfAnAbsentKeyIsAttemptedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var m store.Memory
		defer m.Close()
		f := storetest.NewFaulty(&m, 5, storetest.Faults{})
		s, _ := stored[int](t, kv.StoredSpec[int]{Store: f})
		for key := range 300 {
			f.SetFaults(storetest.Faults{Unknown: 0.5, Late: time.Minute})
			_, err := kv.AddStored(ctx, s, key, 1)
			f.SetFaults(storetest.Faults{})
			if err != nil && !errors.Is(err, store.ErrUnknown) {
				t.Fatal(err)
			}
			acked := err == nil
			if _, _, err := s.Delete(ctx, key); err != nil {
				t.Fatal(err)
			}
			f.Wait()
			if v, ok, err := s.Get(ctx, key); acked && ok || err != nil {
				t.Fatalf("key %d was set once, acknowledged, and deleted: %d, %v, %v", key, v, ok, err)
			}
		}
	})
}

func TestStoredWatchYieldsEveryChangeOrTheState(t *testing.T) {
	ctx := t.Context()
	s, m := stored[string](t, kv.StoredSpec[int]{})
	set := func(key string, value int) {
		t.Helper()
		if err := s.Set(ctx, key, value); err != nil {
			t.Fatal(err)
		}
	}
	set("a", 1)
	_, start, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	set("a", 2)
	set("ab", 3)
	if _, _, err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	collect := func(n int, changes func(func(kv.StoredChange[string, int], error) bool)) (text string) {
		for c, err := range changes {
			if err != nil {
				t.Fatal(err)
			}
			if c.Resync != nil {
				text += fmt.Sprint(c.Resync, " ")
			} else {
				text += fmt.Sprint(c.Key, c.Value, c.Present, " ")
			}
			if n--; n == 0 {
				break
			}
		}
		return text
	}
	if got := collect(3, s.WatchAll(ctx, start)); got != "a2 true ab3 true a0 false " {
		t.Errorf("WatchAll: %s", got)
	}
	if got := collect(2, s.Watch(ctx, "a", start)); !strings.Contains(got, "false") || strings.Contains(got, "ab") {
		t.Errorf("Watch of a: %s", got)
	}
	_, last, err := s.Snapshot(ctx)
	if err == nil {
		err = m.Compact(ctx, last)
	}
	if err != nil {
		t.Fatal(err)
	}
	set("ab", 4)
	if got := collect(1, s.WatchAll(ctx, start)); got != "map[ab:4] " {
		t.Errorf("WatchAll after a compaction: %s", got)
	}
	if got := collect(1, s.Watch(ctx, "a", start)); got != "map[] " {
		t.Errorf("Watch of a after a compaction: %s", got)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range s.WatchAll(ctx, last) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("watch whose context has ended: %v", err)
		}
	}
}
