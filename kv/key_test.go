package kv_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

// spoil returns the error of an Update whose function changes its own key.
func spoil[K comparable](c *kv.Context[K, int], key K) error {
	return c.Update(key, func(v int, _ bool) (int, kv.Op) {
		c.Set(key, v+1)
		return 0, kv.Set
	})
}

// The error of an Update names its key.
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
		{"ACME", kv.ErrConflict, "update of ACME"},
		{7, kv.ErrConflict, "update of 7"},
		{nil, kv.ErrConflict, "update of a <nil>"},
		{place{"Ulm", 3}, kv.ErrConflict, "update of {Ulm 3}"},
		{netip.MustParseAddr("::1"), kv.ErrConflict, "update of ::1"},
		{&place{"Ulm", 3}, kv.ErrConflict, "update of *kv_test.place(0x"},
		{cyclic, kv.ErrKey, "update of a []interface {}"},
	} {
		var c kv.Context[any, int]
		err := spoil(&c, test.key)
		wantError(t, err, test.err)
		if err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %q; want %q in it", err, test.want)
		}
	}
}

// An error does not read through a pointer key, as the owner of its target may
// be writing to it.
func TestAnErrorDoesNotReadThroughAPointerKey(t *testing.T) {
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
	for range 5 {
		wantError(t, spoil(&c, key), kv.ErrConflict)
	}
	close(over)
	owner.Wait()
}
