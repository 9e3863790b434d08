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

// A chaos breaks the reading of a tenth of all files. Which ones, when and how
// depends on nothing but the seed and their paths. A nil chaos breaks nothing.
type chaos struct {
	seed  uint64
	tries kv.Context[string, int] // of broken files
	over  context.Context
	stop  context.CancelFunc
}

func newChaos(seed uint64) *chaos {
	c := &chaos{seed: seed}
	c.over, c.stop = context.WithCancel(context.Background())
	return c
}

// end removes the cause of all faults, and lets go what hangs.
func (c *chaos) end() {
	if c != nil {
		c.stop()
	}
}

// A fault is what is wrong with a file.
type fault struct {
	kind  faultKind
	stage stage
	times int // that it strikes before the file can be read
}

type faultKind int

const (
	panics faultKind = iota
	fails
	exits
	hangs
)

// stage says when a fault strikes: the second is where a careless program
// would count a file twice.
type stage int

const (
	beforeCount stage = iota
	afterCount
)

// fault returns what is wrong with a file, if something is.
func (c *chaos) fault(path string) (f fault, broken bool) {
	hash := fnv.New64a()
	hash.Write([]byte(path))
	dice := rand.New(rand.NewPCG(c.seed, hash.Sum64()))
	if dice.IntN(10) > 0 {
		return fault{}, false
	}
	f = fault{kind: faultKind(dice.IntN(3)), times: 1}
	if dice.IntN(10) == 0 { // fewer, because each takes a worker's whole patience
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

// strike is called at each stage of the reading of a file, and breaks it there
// if it is to be broken.
func (c *chaos) strike(path string, at stage) error {
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
		<-c.over.Done() // heeds no context
	}
	return errChaos
}
