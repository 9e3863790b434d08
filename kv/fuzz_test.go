package kv_test

import (
	"maps"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/google/go-cmp/cmp"
)

// FuzzContext performs a sequence of operations, three bytes each, on a Context
// and, by the specification in linear_test.go, on a plain map. Results,
// contents and the changes seen by a watcher must agree.
func FuzzContext(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{4, 1, 1, 0, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Add([]byte{8, 1, 7, 10, 1, 3, 11, 1, 0, 6, 1, 2, 7, 1, 0x21, 12, 0, 0, 13, 0, 0, 14, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var c kv.Context[int, int]
		changes := c.WatchAll(t.Context(), 1<<20)
		model := map[int]int{}
		saved := map[int]int{}
		for ; len(script) >= 3; script = script[3:] {
			op, key, arg := int(script[0])%(len(operations)+3), int(script[1]), int(script[2])
			switch op - len(operations) {
			case 0:
				c.Clear()
				clear(model)
			case 1:
				saved = c.Snapshot()
				if diff := cmp.Diff(model, saved); diff != "" {
					t.Fatalf("Snapshot (-want +got):\n%s", diff)
				}
			case 2:
				c.Restore(saved)
				model = maps.Clone(saved)
			default:
				in := call{operations[op], key, arg >> 4, arg & 15}
				value, present := model[key]
				now, want := step(cell{value, present}, in)
				if got := perform(t, &c, in); got != want {
					t.Fatalf("%+v = %+v; want %+v", in, got, want)
				}
				if delete(model, key); now.present {
					model[key] = now.value
				}
			}
		}
		wantState(t, &c, model)
		if n := kv.Entries(&c); n != len(model) {
			t.Errorf("%d entries for %d keys", n, len(model))
		}

		const end = -1
		c.Set(end, 0)
		told := map[int]int{}
		for got := range changes {
			if got.Key == end {
				break
			}
			if delete(told, got.Key); got.Present {
				told[got.Key] = got.Value
			}
		}
		if diff := cmp.Diff(model, told); diff != "" {
			t.Errorf("changes seen by the watcher (-want +got):\n%s", diff)
		}
	})
}
