package kv

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// A guard stands on a key while an Update function that has lost several runs
// runs again. It is no lock: writers give way to it for a moment and then go on.
// It serves two ends: the function gets a chance against many writers, and if it
// is the function itself that changes the key, that is found out.
type guard[K comparable] struct {
	key       K
	goroutine uint64 // that runs the function; 0 if unknown
	broken    bool   // goroutine itself has changed key; it alone uses this

	gone atomic.Bool // the Update is over
}

// guards are those of one Context. There are none most of the time, and then
// they cost a writer two atomic loads.
type guards[K comparable] struct {
	mu   sync.Mutex                  // held to change list
	list atomic.Pointer[[]*guard[K]] // never modified, only replaced; nil when empty
}

func (gs *guards[K]) add(key K) *guard[K] {
	g := &guard[K]{key: key, goroutine: goroutineID()}
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

// giveWay is called before a write to key. If key is guarded by another
// goroutine it yields for a while.
func (gs *guards[K]) giveWay(key K) {
	if list := gs.list.Load(); list != nil {
		giveWay(*list, key)
	}
}

// maxYields bounds how often a writer yields to one guard: some microseconds on
// an idle machine, a round of all runnable goroutines each on a busy one.
const maxYields = 128

func giveWay[K comparable](list []*guard[K], key K) {
	for _, g := range list {
		if g.key != key || g.goroutine == goroutineID() {
			continue
		}
		// The length is random so that two functions that change each other's
		// key do not give way to each other, then spoil each other, in step.
		for range rand.N(maxYields) {
			if g.gone.Load() {
				break
			}
			runtime.Gosched()
		}
	}
}

// noteChange records a change of key, made by the calling goroutine, at the
// guards that this goroutine set up.
func (gs *guards[K]) noteChange(key K) {
	list := gs.list.Load()
	if list == nil {
		return
	}
	for _, g := range *list {
		if g.key == key && g.goroutine != 0 && g.goroutine == goroutineID() {
			g.broken = true
		}
	}
}

// goroutineID returns the number by which tracebacks call this goroutine. It
// takes about a microsecond, for which reason only guarded keys ask. Should
// tracebacks ever look different it returns 0, and Update can then no longer
// tell ErrReentrant from ErrConflict.
func goroutineID() uint64 {
	var buf [64]byte
	line := buf[:runtime.Stack(buf[:], false)] // goroutine 42 [running]: …
	number, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("goroutine ")), []byte(" "))
	id, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return 0
	}
	return id
}
