package kv_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/storetest"
)

// A storedCall is a call of a Stored on one key.
type storedCall struct {
	name string
	n    int
}

// storedModel is the sequential specification of one key. The output of a call of unknown
// outcome is nil. Its end is open, so the checker may put it last, where it does no harm.
var storedModel = porcupine.Model{
	Init: func() any { return cell{} },
	Step: func(state, input, output any) (bool, any) {
		was, in := state.(cell), input.(storedCall)
		now, out := was, was
		switch in.name {
		case "Set":
			now, out = cell{in.n, true}, cell{}
		case "Add":
			now = cell{was.value + in.n, true}
			out = now
		case "Delete":
			now = cell{}
		case "Swap": // of 1, by n
			out = cell{present: was == cell{1, true}}
			if out.present {
				now = cell{in.n, true}
			}
		}
		return output == nil || out == output.(cell), now
	},
}

func callStored(t *testing.T, s *kv.Stored[string, int], in storedCall) (out cell, err error) {
	switch ctx := t.Context(); in.name {
	case "Get":
		out.value, out.present, err = s.Get(ctx, "k")
	case "Snapshot":
		m, _, e := s.Snapshot(ctx)
		out.value, out.present = m["k"]
		err = e
	case "Set":
		err = s.Set(ctx, "k", in.n)
	case "Add":
		out.present = true
		out.value, err = kv.AddStored(ctx, s, "k", in.n)
	case "Delete":
		out.value, out.present, err = s.Delete(ctx, "k")
	case "Swap":
		out.present, err = kv.CompareAndSwapStored(ctx, s, "k", 1, in.n)
	}
	return out, err
}

// Operations on one key are linearizable, also when outcomes are unknown and commits take
// effect late.
func TestStoredIsLinearizable(t *testing.T) {
	names := []string{"Get", "Snapshot", "Set", "Add", "Delete", "Swap"}
	histories := 100
	if testing.Short() {
		histories = 20
	}
	for seed := range uint64(histories) {
		synctest.Test(t, func(t *testing.T) {
			var m store.Memory
			defer m.Close()
			faults := storetest.Faults{Delay: 5 * time.Millisecond, Unknown: 0.1, Late: 20 * time.Millisecond, Fail: 0.05}
			if seed%2 == 0 {
				faults = storetest.Faults{Delay: 5 * time.Millisecond}
			}
			f := storetest.NewFaulty(&m, seed, faults)
			s, _ := stored[string](t, kv.StoredSpec[int]{Store: f})
			begun := time.Now()
			var mu sync.Mutex
			var all []porcupine.Operation
			var wg sync.WaitGroup
			for client := range 4 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(seed, uint64(client)))
					for range 15 {
						in := storedCall{names[random.IntN(len(names))], random.IntN(3)}
						op := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(begun))}
						out, err := callStored(t, s, in)
						op.Output, op.Return = out, int64(time.Since(begun))
						switch {
						case errors.Is(err, store.ErrUnknown):
							op.Output, op.Return = nil, math.MaxInt64
						case errors.Is(err, storetest.ErrInjected):
							continue // it has not happened
						case err != nil:
							t.Error(err)
						}
						mu.Lock()
						all = append(all, op)
						mu.Unlock()
						if op.Output == nil {
							return // its client has crashed, as far as the checker can know
						}
					}
				})
			}
			wg.Wait()
			f.Wait()
			if result := porcupine.CheckOperationsTimeout(storedModel, all, time.Minute); result == porcupine.Illegal {
				t.Errorf("history %d has no order that explains its results", seed)
			}
		})
	}
}
