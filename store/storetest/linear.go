package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/espalier-go/espalier/store"
)

// An operation is a call on one register, which is a key.
type operation struct {
	kind  string // get, put, delete, cas
	key   string
	value string
	rev   store.Rev // of the condition of cas
}

// An outcome is the result of an operation.
type outcome struct {
	value string
	rev   store.Rev // when the key was last modified; 0 if absent
	done  bool
}

// linearizable lets several clients read and write few keys, and finds an order of the
// calls that explains all results.
func (c *check) linearizable() {
	const clients, each = 4, 60
	keys := []string{"r/1", "r/2"}
	histories := make([][]porcupine.Operation, clients)
	begun := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(client)))
			last := make(map[string]store.Rev)
			for i := range each {
				key := keys[random.IntN(len(keys))]
				in := operation{key: key, value: fmt.Sprint(client, ".", i)}
				in.kind = []string{"get", "get", "put", "delete", "cas", "cas"}[random.IntN(6)]
				in.rev = last[key]
				call := time.Since(begun)
				out, err := c.perform(in)
				if err != nil {
					c.Errorf("%+v: %v", in, err)
					return
				}
				last[key] = out.rev
				histories[client] = append(histories[client], porcupine.Operation{
					ClientId: client, Input: in, Output: out, Call: int64(call), Return: int64(time.Since(begun)),
				})
			}
		})
	}
	wg.Wait()
	var all []porcupine.Operation
	for _, h := range histories {
		all = append(all, h...)
	}
	switch result := porcupine.CheckOperationsTimeout(registers, all, patience); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		c.Log("no statement about the history: the check took too long")
	default:
		c.Errorf("no order of the calls explains their results")
	}
}

// perform carries out an operation. The outcome has the state of the key after it.
func (c *check) perform(in operation) (outcome, error) {
	tx := store.Tx{Read: []string{in.key}}
	switch in.kind {
	case "get":
		e, err := c.s.Get(c.ctx, in.key)
		return outcome{string(e.Value), e.Modified, true}, err
	case "put":
		tx.Do = []store.Op{store.Put(in.key, []byte(in.value))}
	case "delete":
		tx.Do = []store.Op{store.Delete(in.key)}
	case "cas":
		tx.If = []store.Cond{{Key: in.key, Rev: in.rev}}
		tx.Do = []store.Op{store.Put(in.key, []byte(in.value))}
	}
	r, err := c.s.Commit(c.ctx, tx)
	if err != nil {
		return outcome{}, err
	}
	return outcome{string(r.Read[0].Value), r.Read[0].Modified, r.Done}, nil
}

// registers is the sequential specification. Its state is the outcome of the last
// operation on a key.
var registers = porcupine.Model{
	Init: func() any { return outcome{} },
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := make(map[string][]porcupine.Operation)
		for _, op := range history {
			key := op.Input.(operation).key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Step: func(state, input, output any) (bool, any) {
		was, in, out := state.(outcome), input.(operation), output.(outcome)
		same := out.value == was.value && out.rev == was.rev
		switch in.kind {
		case "get":
			return same, was
		case "delete":
			return out.done && out.rev == 0 && out.value == "", outcome{}
		case "cas":
			if was.rev != in.rev {
				return !out.done && same, was
			}
		}
		written := out.done && out.value == in.value && out.rev > was.rev
		return written, outcome{value: in.value, rev: out.rev}
	},
}
