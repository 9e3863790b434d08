package kv_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/espalier-go/espalier/kv"
)

// A call is one operation on one key, with its arguments.
type call struct {
	name     string
	key      int
	old, new int
}

// A cell is the content of a key, or the result of an operation.
type cell struct {
	value   int
	present bool
}

// step is the sequential specification of an operation on one key.
func step(was cell, in call) (now, out cell) {
	switch in.name {
	case "Get", "View", "All":
		return was, was
	case "Has", "Update Keep":
		return was, cell{present: was.present}
	case "Set":
		return cell{in.new, true}, cell{}
	case "Delete":
		return cell{}, was
	case "GetOrSet":
		if was.present {
			return was, was
		}
		return cell{in.new, true}, cell{in.new, false}
	case "CompareAndSwap":
		if was == (cell{in.old, true}) {
			return cell{in.new, true}, cell{present: true}
		}
		return was, cell{}
	case "Add":
		return cell{was.value + in.new, true}, cell{was.value + in.new, true}
	case "Update Set": // returns the value that the function saw
		return cell{was.value*3 + in.new, true}, was
	case "Update Delete":
		return cell{}, was
	}
	panic(in.name)
}

var operations = []string{
	"Get", "View", "All", "Has", "Set", "Delete", "GetOrSet", "CompareAndSwap", "Add",
	"Update Keep", "Update Set", "Update Delete",
}

// perform calls the operation of step on c and returns its result.
func perform(t *testing.T, c *kv.Context[int, int], in call) (out cell) {
	update := func(f func(int, bool) (int, kv.Op)) {
		if err := c.Update(in.key, f); err != nil {
			t.Error(err)
		}
	}
	switch in.name {
	case "Get":
		out.value, out.present = c.Get(in.key)
	case "View":
		out.present = c.View(in.key, func(v *int) { out.value = *v })
	case "All":
		for key, value := range c.All() {
			if key == in.key {
				return cell{value, true}
			}
		}
	case "Has":
		out.present = c.Has(in.key)
	case "Set":
		c.Set(in.key, in.new)
	case "Delete":
		out.value, out.present = c.Delete(in.key)
	case "GetOrSet":
		out.value, out.present = c.GetOrSet(in.key, in.new)
	case "CompareAndSwap":
		out.present = kv.CompareAndSwap(c, in.key, in.old, in.new)
	case "Add":
		out = cell{kv.Add(c, in.key, in.new), true}
	case "Update Keep":
		update(func(old int, ok bool) (int, kv.Op) {
			runtime.Gosched()
			out.present = ok
			return -1, kv.Keep
		})
	case "Update Set":
		update(func(old int, ok bool) (int, kv.Op) {
			runtime.Gosched()
			out = cell{old, ok}
			return old*3 + in.new, kv.Set
		})
	case "Update Delete":
		update(func(old int, ok bool) (int, kv.Op) {
			runtime.Gosched()
			out = cell{old, ok}
			return -1, kv.Delete
		})
	}
	return out
}

// All operations on one key are linearizable, with and without watchers.
func TestOperationsOnOneKeyAreLinearizable(t *testing.T) {
	model := porcupine.Model{
		Init: func() any { return cell{} },
		Step: func(state, input, output any) (bool, any) {
			now, out := step(state.(cell), input.(call))
			return out == output.(cell), now
		},
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[int][]porcupine.Operation{}
			for _, op := range history {
				key := op.Input.(call).key
				byKey[key] = append(byKey[key], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v = %+v", input, output) },
	}
	histories := 150
	if testing.Short() {
		histories = 20
	}
	for seed := range uint64(histories) {
		history := concurrently(t, seed)
		result, info := porcupine.CheckOperationsVerbose(model, history, time.Minute)
		if result == porcupine.Ok {
			continue
		}
		t.Errorf("history %d: %v", seed, result)
		for _, op := range info.PartialLinearizationsOperations() {
			t.Logf("linearizes only as far as %+v", op)
		}
		return
	}
}

// concurrently performs random operations on few keys in several goroutines and
// returns the calls with their results.
func concurrently(t *testing.T, seed uint64) []porcupine.Operation {
	const clients, each, keys = 4, 40, 2
	var c kv.Context[int, int]
	if seed%2 == 0 { // every other run has watchers
		c.WatchAll(t.Context(), 1)
	}
	histories := make([][]porcupine.Operation, clients)
	began := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(client)))
			for range each {
				in := call{operations[random.IntN(len(operations))], random.IntN(keys), random.IntN(3), random.IntN(3)}
				op := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(began))}
				op.Output = perform(t, &c, in)
				op.Return = int64(time.Since(began))
				histories[client] = append(histories[client], op)
			}
		})
	}
	wg.Wait()
	var all []porcupine.Operation
	for _, h := range histories {
		all = append(all, h...)
	}
	return all
}
