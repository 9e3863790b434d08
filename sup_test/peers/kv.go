package main

import (
	"math/rand/v2"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/espalier-go/espalier/kv"
)

// measureKV compares a kv.Context with the map that it is built on, in one
// goroutine. The benchmarks of package kv compare them in several.
func measureKV(r *report) {
	const n, ops = 1000, 20_000
	keys := rand.Perm(n)
	bare := xsync.NewMap[int, int]()
	var state kv.Context[int, int]
	for _, key := range keys {
		bare.Store(key, 1)
		state.Set(key, 1)
	}
	each := func(do func(key int)) func(m *meter) {
		return func(m *meter) {
			m.do(ops, func() {
				for i := range ops {
					do(keys[i%n])
				}
			})
		}
	}
	for _, op := range []struct {
		name        string
		limit, ours func(key int)
	}{
		{"Get", func(key int) { bare.Load(key) }, func(key int) { state.Get(key) }},
		{"Set", func(key int) { bare.Store(key, key) }, func(key int) { state.Set(key, key) }},
		{"Update",
			func(key int) {
				bare.Compute(key, func(v int, _ bool) (int, xsync.ComputeOp) { return v + 1, xsync.UpdateOp })
			},
			func(key int) {
				_ = state.Update(key, func(v int, _ bool) (int, kv.Op) { return v + 1, kv.Set })
			}},
	} {
		found := compare(3*time.Second, contender{name: "map", measure: each(op.limit)}, contender{name: "espalier", measure: each(op.ours)})
		r.add(found, judged{what: "kv " + op.name + ", 1000 keys", ours: "espalier", limit: "map", target: 1.15})
	}
}
