package main

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/espalier-go/espalier/kv"
)

// A chaos makes a tenth of all files break their readers. The seed and the path of a file
// decide whether, where and how. A nil chaos breaks nothing.
type chaos struct {
	seed  uint64
	tries kv.Context[string, int] // reads of each faulty file
	over  context.Context         // done when all faults are repaired
	stop  context.CancelFunc
}

func newChaos(seed uint64) *chaos {
	c := &chaos{seed: seed}
	c.over, c.stop = context.WithCancel(context.Background())
	return c
}

// end repairs all faults and releases the workers that hang.
func (c *chaos) end() {
	if c != nil {
		c.stop()
	}
}

// A fault is how a file breaks its readers.
type fault struct {
	kind  faultKind
	stage stage
	times int // reads that fail before one succeeds
}

type faultKind int

const (
	panics faultKind = iota
	fails
	exits
	hangs
)

// stage is where a fault occurs. After the second stage, a program that retries could
// count a file twice.
type stage int

const (
	beforeCount stage = iota
	afterCount
)

// fault returns the fault of a file. broken is false if it has none.
func (c *chaos) fault(path string) (f fault, broken bool) {
	hash := fnv.New64a()
	hash.Write([]byte(path))
	dice := rand.New(rand.NewPCG(c.seed, hash.Sum64()))
	if dice.IntN(10) > 0 {
		return fault{}, false
	}
	f = fault{kind: faultKind(dice.IntN(3)), times: 1}
	if dice.IntN(10) == 0 { // rare, because each takes the whole patience of a worker
		f.kind = hangs
	}
	if dice.IntN(4) == 0 {
		f.stage = afterCount
	}
	switch n := dice.IntN(40); {
	case n == 0:
		f.times = math.MaxInt
	case n < 10:
		f.times = 2
	}
	return f, true
}

var errChaos = errors.New("chaos")

// trigger breaks the calling worker if the file has a fault at this stage. Otherwise it
// returns nil.
func (c *chaos) trigger(path string, at stage) error {
	if c == nil {
		return nil
	}
	f, broken := c.fault(path)
	if !broken || f.stage != at || c.over.Err() != nil || kv.Add(&c.tries, path, 1) > f.times {
		return nil
	}
	switch f.kind {
	case panics:
		panic(errChaos)
	case exits:
		runtime.Goexit()
	case hangs:
		<-c.over.Done() // ignores the context of the worker
	}
	return errChaos
}
