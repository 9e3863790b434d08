package kv_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

// Whatever was stored, decoding it is a value or an error.
func FuzzCodecs(f *testing.F) {
	type value struct {
		N    int
		Text string
		List []float64
	}
	f.Add([]byte(`{"N":1,"Text":"x","List":[1,2]}`))
	if data, err := kv.Gob[value]().Encode(value{N: 1}); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, codec := range map[string]kv.Codec[value]{"JSON": kv.JSON[value](), "Gob": kv.Gob[value]()} {
			v, err := codec.Decode(data)
			if err != nil {
				continue
			}
			again, err := codec.Encode(v)
			if _, unsupported := err.(*json.UnsupportedValueError); unsupported {
				continue
			}
			if err != nil {
				t.Fatalf("%s: a value that was decoded cannot be encoded: %v", name, err)
			}
			if back, err := codec.Decode(again); err != nil || len(v.List) == 0 && len(back.List) != 0 || back.N != v.N || back.Text != v.Text || len(v.List) > 0 && !reflect.DeepEqual(sameNaN(back.List), sameNaN(v.List)) {
				t.Errorf("%s: %+v became %+v, %v", name, v, back, err)
			}
		}
	})
}

// sameNaN makes values comparable that are not equal to themselves.
func sameNaN(list []float64) []float64 {
	list = append([]float64(nil), list...)
	for i, x := range list {
		if x != x {
			list[i] = 0
		}
	}
	return list
}
