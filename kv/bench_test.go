package kv_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
	"github.com/puzpuzpuz/xsync/v4"
)

// BenchmarkContext compares the operations of a Context with those of a bare
// xsync.Map[K, int], the map that a Context is built on. The bare map serves a
// user who needs no watchers and whose functions may run under a lock. Each
// round does the same on both, one right after the other, in GOMAXPROCS
// goroutines. x-map is the median over the rounds of the ratio of their times.
//
//	go test -run - -bench BenchmarkContext -cpu 1,2 ./kv
func BenchmarkContext(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run("key=int/keys="+strconv.Itoa(n), func(b *testing.B) { benchmarkContext(b, n, intKey) })
		b.Run("key=string/keys="+strconv.Itoa(n), func(b *testing.B) { benchmarkContext(b, n, stringKey) })
	}
}

func benchmarkContext[K comparable](b *testing.B, n int, key func(int) K) {
	keys := make([]K, n)
	for i := range keys {
		keys[i] = key(i)
	}
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })

	m := xsync.NewMap[K, int]()
	var c, watched kv.Context[K, int]
	for _, key := range keys {
		m.Store(key, 1)
		c.Set(key, 1)
		watched.Set(key, 1)
	}
	watched.WatchAll(b.Context(), 0) // never read, so always full
	look := func(v *int) {
		if *v < 0 {
			b.Error("a value is negative")
		}
	}
	increment := func(v int, _ bool) (int, kv.Op) { return v + 1, kv.Set }

	for _, op := range []struct {
		name             string
		onMap, onContext func(key K)
	}{
		{"Get",
			func(key K) { m.Load(key) },
			func(key K) { c.Get(key) }},
		{"View",
			func(key K) { v, _ := m.Load(key); look(&v) },
			func(key K) { c.View(key, look) }},
		{"Set",
			func(key K) { m.Store(key, 1) },
			func(key K) { c.Set(key, 1) }},
		{"SetWatched",
			func(key K) { m.Store(key, 1) },
			func(key K) { watched.Set(key, 1) }},
		{"Update",
			func(key K) {
				m.Compute(key, func(v int, _ bool) (int, xsync.ComputeOp) { return v + 1, xsync.UpdateOp })
			},
			func(key K) { _ = c.Update(key, increment) }},
		{"Add",
			func(key K) {
				m.Compute(key, func(v int, _ bool) (int, xsync.ComputeOp) { return v + 1, xsync.UpdateOp })
			},
			func(key K) { kv.Add(&c, key, 1) }},
		{"DeleteAndSet",
			func(key K) { m.LoadAndDelete(key); m.Store(key, 1) },
			func(key K) { c.Delete(key); c.Set(key, 1) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			var ratios, times []float64
			for b.Loop() {
				limit := lap(keys, op.onMap)
				ours := lap(keys, op.onContext)
				ratios = append(ratios, float64(ours)/float64(limit))
				times = append(times, float64(ours.Nanoseconds())/lapLength)
			}
			b.ReportMetric(median(ratios), "x-map")
			b.ReportMetric(median(times), "ns/call")
			b.ReportMetric(0, "ns/op") // removes the time of a round
		})
	}
}

const lapLength = 1 << 14

// lap calls the function lapLength times in each of GOMAXPROCS goroutines and
// returns the time of the slowest goroutine.
func lap[K any](keys []K, do func(key K)) time.Duration {
	times := make([]time.Duration, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() {
			next := rand.IntN(len(keys))
			began := time.Now()
			for range lapLength {
				do(keys[next])
				if next++; next == len(keys) {
					next = 0
				}
			}
			times[i] = time.Since(began)
		})
	}
	wg.Wait()
	return slices.Max(times)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkMirror compares a Get of a Mirror with that of a Context of the same size.
func BenchmarkMirror(b *testing.B) {
	var m store.Memory
	defer m.Close()
	s, err := kv.NewStored[string](kv.StoredSpec[int]{Store: &m, Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	var c kv.Context[string, int]
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = stringKey(i)
		c.Set(keys[i], i)
		if err := s.Set(b.Context(), keys[i], i); err != nil {
			b.Fatal(err)
		}
	}
	mirror, err := s.Mirror(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer mirror.Close()
	for name, get := range map[string]func(string) (int, bool){"Context": c.Get, "Mirror": mirror.Get} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := get(keys[i%len(keys)]); !ok {
					b.Fatal("a key is missing")
				}
			}
		})
	}
}
