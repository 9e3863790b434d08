package kv_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

// spoil is the error of an Update whose function changes its own key.
func spoil[K comparable](c *kv.Context[K, int], key K) error {
	return c.Update(key, func(v int, _ bool) (int, kv.Op) {
		c.Set(key, v+1)
		return 0, kv.Set
	})
}

func TestAnErrorNamesTheKey(t *testing.T) {
	type place struct {
		City string
		No   int
	}
	cyclic := []any{nil}
	cyclic[0] = cyclic
	for _, test := range []struct {
		key  any
		err  error
		want string
	}{
		{"ACME", kv.ErrReentrant, ": ACME"},
		{7, kv.ErrReentrant, ": 7"},
		{nil, kv.ErrReentrant, ": a <nil>"},
		{place{"Ulm", 3}, kv.ErrReentrant, ": {Ulm 3}"},
		{netip.MustParseAddr("::1"), kv.ErrReentrant, ": ::1"},
		{&place{"Ulm", 3}, kv.ErrReentrant, ": *kv_test.place(0x"},
		{cyclic, kv.ErrKey, ": a []interface {}"},
	} {
		var c kv.Context[any, int]
		err := spoil(&c, test.key)
		wantError(t, err, test.err)
		if err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %q; want %q in it", err, test.want)
		}
	}
}

// Who holds what a key points to may be writing to it.
func TestAnErrorReadsNothingThroughThePointerThatIsTheKey(t *testing.T) {
	type session struct{ hits map[int]int }
	key := &session{make(map[int]int)}
	var c kv.Context[*session, int]
	var owner sync.WaitGroup
	over := make(chan struct{})
	owner.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
				key.hits[i%100] = i
			}
		}
	})
	for range 50 {
		wantError(t, spoil(&c, key), kv.ErrReentrant)
	}
	close(over)
	owner.Wait()
}
