package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/store"
)

// A check is one part of the suite.
type check struct {
	*testing.T
	ctx context.Context
	s   store.Store
}

// must fails the test at once if err is not nil.
func (c *check) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *check) get(key string) store.Entry {
	c.Helper()
	e, err := c.s.Get(c.ctx, key)
	c.must(err)
	return e
}

// want fails the test unless a key has a value. "" stands for an absent key.
func (c *check) want(key, value string) store.Entry {
	c.Helper()
	e := c.get(key)
	if string(e.Value) != value || (e.Modified == 0) != (value == "") || e.Key != key {
		c.Errorf("entry of %q is %+v, want value %q", key, e, value)
	}
	return e
}

func (c *check) commit(tx store.Tx) store.Result {
	c.Helper()
	r, err := c.s.Commit(c.ctx, tx)
	c.must(err)
	return r
}

func (c *check) do(ops ...store.Op) store.Rev {
	c.Helper()
	r := c.commit(store.Tx{Do: ops})
	if !r.Done {
		c.Fatalf("commit without conditions of %v was refused", ops)
	}
	return r.Rev
}

func (c *check) put(key, value string) store.Rev {
	c.Helper()
	return c.do(store.Put(key, []byte(value)))
}

// rev returns the present revision.
func (c *check) rev() store.Rev {
	c.Helper()
	_, rev, err := c.s.List(c.ctx, "there is none")
	c.must(err)
	return rev
}

func (c *check) wantError(what string, err, want error) {
	c.Helper()
	if !errors.Is(err, want) {
		c.Errorf("%s returned %v, want an error that wraps %q", what, err, want)
	}
}

func (c *check) same(what string, got, want any) {
	c.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		c.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// keys returns the keys of the entries with a prefix, in order.
func (c *check) keys(prefix string) []string {
	c.Helper()
	list, _, err := c.s.List(c.ctx, prefix)
	c.must(err)
	var keys []string
	for _, e := range list {
		keys = append(keys, e.Key)
	}
	if !slices.IsSorted(keys) {
		c.Errorf("keys of a list out of order: %q", keys)
	}
	return keys
}
