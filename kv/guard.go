package kv

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A guard marks a key whose Update has lost several runs and runs again.
// It is not a lock. Writers of the key yield to it for a moment and then go on,
// so that the Update function gets a chance against many writers.
type guard[K comparable] struct {
	key  K
	gone atomic.Bool // set when the Update is over
}

// guards are the guards of one Context. Without any, which is the usual case,
// they cost a writer one atomic load.
type guards[K comparable] struct {
	mu   sync.Mutex                  // held to change list
	list atomic.Pointer[[]*guard[K]] // never modified, only replaced; nil if empty
}

func (gs *guards[K]) add(key K) *guard[K] {
	g := &guard[K]{key: key}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	var list []*guard[K]
	if old := gs.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = append(list, g)
	gs.list.Store(&list)
	return g
}

func (gs *guards[K]) remove(g *guard[K]) {
	g.gone.Store(true)
	gs.mu.Lock()
	defer gs.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*gs.list.Load()), func(x *guard[K]) bool { return x == g })
	if len(list) == 0 {
		gs.list.Store(nil)
		return
	}
	gs.list.Store(&list)
}

// giveWay yields to the guards of key, other than own, before a write to it.
func (gs *guards[K]) giveWay(key K, own *guard[K]) {
	if list := gs.list.Load(); list != nil {
		giveWay(*list, key, own)
	}
}

// maxYields bounds how often a writer yields to one guard. That takes some
// microseconds on an idle machine, and on a busy one as many turns of all
// runnable goroutines.
const maxYields = 128

func giveWay[K comparable](list []*guard[K], key K, own *guard[K]) {
	for _, g := range list {
		if g.key != key || g == own {
			continue
		}
		// The length is random because two functions that change each other's
		// key would otherwise give way, and spoil each other's runs, in step.
		for range rand.N(maxYields) {
			if g.gone.Load() {
				break
			}
			runtime.Gosched()
		}
	}
}
