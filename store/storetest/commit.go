package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/store"
)

// The parts of the suite about single calls: revisions, conditions, limits and contexts.

func (c *check) revisionsOnlyRise() {
	if e := c.want("a", ""); e.Modified != 0 {
		c.Errorf("absent key was modified at %d", e.Modified)
	}
	last := c.rev()
	for i, ops := range [][]store.Op{
		{store.Put("a", []byte("1"))},
		{store.Put("a", []byte("1"))}, // an equal value is a change too
		{store.Put("b", nil)},
		{store.Delete("a")},
		{store.Put("a", []byte("2")), store.Delete("b"), store.Delete("absent")},
	} {
		rev := c.do(ops...)
		if rev <= last {
			c.Errorf("commit %d has revision %d after %d", i, rev, last)
		}
		last = rev
	}
	if e := c.get("a"); e.Modified != last {
		c.Errorf("a was modified at %d, want %d", e.Modified, last)
	}
	for what, tx := range map[string]store.Tx{
		"an empty commit":               {},
		"the deletion of an absent key": {Do: []store.Op{store.Delete("absent")}},
		"a refused commit":              {If: []store.Cond{{Key: "absent", Rev: 1}}, Do: []store.Op{store.Put("c", nil)}},
	} {
		if r := c.commit(tx); r.Rev != last {
			c.Errorf("%s has revision %d, want the present one, %d", what, r.Rev, last)
		}
	}
	if rev := c.rev(); rev != last {
		c.Errorf("the revision is %d, want %d", rev, last)
	}
	if e := c.get("b"); e.Modified != 0 {
		c.Errorf("deleted key is %+v", e)
	}
}

func (c *check) commitEachIsOneRevision() {
	first := c.put("a", "1")
	results, err := c.s.CommitEach(c.ctx, []store.Tx{
		{If: []store.Cond{{Key: "a", Rev: first}}, Do: []store.Op{store.Put("a", []byte("2"))}, Read: []string{"a"}},
		// The state before the first decides.
		{If: []store.Cond{{Key: "a", Rev: first}}, Do: []store.Op{store.Put("b", []byte("2"))}},
		{If: []store.Cond{{Key: "a", Rev: 0}}, Do: []store.Op{store.Put("c", []byte("2"))}, Read: []string{"c"}},
		{If: []store.Cond{{Key: "d", Rev: 0}}, Do: []store.Op{store.Put("d", []byte("2"))}},
	})
	c.must(err)
	if len(results) != 4 {
		c.Fatalf("4 transactions have %d results", len(results))
	}
	rev := results[0].Rev
	if rev <= first {
		c.Errorf("revision %d after %d", rev, first)
	}
	for i, done := range []bool{true, true, false, true} {
		if results[i].Done != done {
			c.Errorf("transaction %d: done is %v", i, results[i].Done)
		}
		if done && results[i].Rev != rev {
			c.Errorf("transaction %d has revision %d, and the first %d", i, results[i].Rev, rev)
		}
	}
	for _, key := range []string{"a", "b", "d"} {
		if e := c.want(key, "2"); e.Modified != rev {
			c.Errorf("%s was modified at %d, want %d", key, e.Modified, rev)
		}
	}
	c.want("c", "")
	if len(results[0].Read) != 1 || string(results[0].Read[0].Value) != "2" {
		c.Errorf("a transaction that was done has read %+v, want its own value", results[0].Read)
	}
	if len(results[2].Read) != 1 || results[2].Read[0].Modified != 0 {
		c.Errorf("a refused transaction has read %+v, want an absent key", results[2].Read)
	}
	if none, err := c.s.CommitEach(c.ctx, nil); err != nil || len(none) != 0 {
		c.Errorf("no transactions have results %v and error %v", none, err)
	}
}

func (c *check) conditionsDecide() {
	absent := []store.Cond{{Key: "a"}}
	first := c.commit(store.Tx{If: absent, Do: []store.Op{store.Put("a", []byte("1"))}})
	if !first.Done {
		c.Fatal("the key was absent, but the commit was refused")
	}
	refused := c.commit(store.Tx{If: absent, Do: []store.Op{store.Put("a", []byte("2")), store.Put("b", []byte("2"))}, Read: []string{"b", "a"}})
	if refused.Done {
		c.Error("the key was present, but the commit was done")
	}
	c.same("a refused commit reads", refused.Read, []store.Entry{{Key: "b"}, {Key: "a", Value: []byte("1"), Modified: first.Rev}})
	c.want("a", "1")
	c.want("b", "")
	held := []store.Cond{{Key: "a", Rev: first.Rev}, {Key: "b"}}
	second := c.commit(store.Tx{If: held, Do: []store.Op{store.Delete("a"), store.Put("b", []byte("3"))}, Read: []string{"a", "b"}})
	if !second.Done {
		c.Error("all conditions held, but the commit was refused")
	}
	c.same("a commit reads", second.Read, []store.Entry{{Key: "a"}, {Key: "b", Value: []byte("3"), Modified: second.Rev}})
	if c.commit(store.Tx{If: []store.Cond{{Key: "b", Rev: second.Rev}, {Key: "a", Rev: first.Rev}}}).Done {
		c.Error("one of two conditions held, and the commit was done")
	}
	if !c.commit(store.Tx{If: []store.Cond{{Key: "b", Rev: second.Rev}}}).Done {
		c.Error("a commit of a condition alone was refused")
	}
}

func (c *check) listIsOfOneRevision() {
	var want []store.Entry
	for _, key := range []string{"p/1", "p/10", "p/2", "p0"} {
		rev := c.put(key, key)
		want = append(want, store.Entry{Key: key, Value: []byte(key), Modified: rev})
	}
	for _, key := range []string{"o", "q", "p\xff", "p-"} {
		c.put(key, key)
	}
	list, rev, err := c.s.List(c.ctx, "p/")
	c.must(err)
	c.same("list of p/", list, want[:3])
	if rev != c.rev() {
		c.Errorf("the list is of revision %d, want %d", rev, c.rev())
	}
	all, _, err := c.s.List(c.ctx, "")
	c.must(err)
	var keys []string
	for _, e := range all {
		keys = append(keys, e.Key)
	}
	c.same("keys of all", keys, []string{"o", "p-", "p/1", "p/10", "p/2", "p0", "p\xff", "q"})
	none, _, err := c.s.List(c.ctx, "x")
	c.must(err)
	if len(none) != 0 {
		c.Errorf("list of an unused prefix: %v", none)
	}
}

func (c *check) valuesAreCopied() {
	value := []byte("value")
	c.do(store.Put("a", value))
	copy(value, "xxxxx")
	c.want("a", "value")
	big := strings.Repeat("x", c.s.Limits().Value)
	c.put("big", big)
	if got := c.get("big"); string(got.Value) != big {
		c.Errorf("the largest value came back as %d bytes", len(got.Value))
	}
	key := strings.Repeat("k", c.s.Limits().Key)
	c.put(key, "longest key")
	c.want(key, "longest key")
	bytes := "\x00\x01/\xfe\xff"
	c.put(bytes, bytes)
	c.want(bytes, bytes)
}

func (c *check) refusedCallHasNoEffect() {
	before := c.rev()
	for what, txs := range map[string][]store.Tx{
		"an empty key":           {{Do: []store.Op{store.Put("", nil)}}},
		"an empty condition key": {{If: []store.Cond{{}}, Do: []store.Op{store.Put("a", nil)}}},
		"an empty key to read":   {{Do: []store.Op{store.Put("a", nil)}, Read: []string{""}}},
		"a key twice":            {{Do: []store.Op{store.Put("a", nil), store.Delete("a")}}},
		"a key twice in a call":  {{Do: []store.Op{store.Put("a", nil)}}, {Do: []store.Op{store.Put("a", nil)}}},
	} {
		_, err := c.s.CommitEach(c.ctx, txs)
		c.wantError("a commit with "+what, err, store.ErrArguments)
		if len(txs) == 1 {
			_, err = c.s.Commit(c.ctx, txs[0])
			c.wantError("a commit with "+what, err, store.ErrArguments)
		}
	}
	_, err := c.s.Get(c.ctx, "")
	c.wantError("a get of the empty key", err, store.ErrArguments)
	_, _, err = c.s.Lease(c.ctx, 0)
	c.wantError("a lease without time", err, store.ErrArguments)
	if rev := c.rev(); rev != before {
		c.Errorf("refused calls have raised the revision from %d to %d", before, rev)
	}
	c.want("a", "")
}

func (c *check) limitsAreChecked() {
	limits := c.s.Limits()
	before := c.rev()
	long := strings.Repeat("k", limits.Key+1)
	big := make([]byte, limits.Value+1)
	for what, tx := range map[string]store.Tx{
		"a long key":           {Do: []store.Op{store.Put(long, nil)}},
		"a long condition key": {If: []store.Cond{{Key: long}}},
		"a long key to read":   {Read: []string{long}},
		"a large value":        {Do: []store.Op{store.Put("a", nil), store.Put("b", big)}},
	} {
		_, err := c.s.Commit(c.ctx, tx)
		c.wantError("a commit with "+what, err, store.ErrTooLarge)
		_, err = c.s.CommitEach(c.ctx, []store.Tx{{Do: []store.Op{store.Put("c", nil)}}, tx})
		c.wantError("transactions with "+what, err, store.ErrTooLarge)
	}
	_, err := c.s.Get(c.ctx, long)
	c.wantError("a get of a long key", err, store.ErrTooLarge)
	ops := limits.Ops
	if ops == 0 {
		ops = 1000 // any number
	}
	var many store.Tx
	for i := range ops + 1 {
		many.Do = append(many.Do, store.Put(fmt.Sprint("many/", i), nil))
	}
	_, err = c.s.Commit(c.ctx, many)
	if limits.Ops > 0 {
		c.wantError("a commit of too many operations", err, store.ErrTooLarge)
	} else {
		c.must(err)
		before = c.rev()
	}
	if rev := c.rev(); rev != before {
		c.Errorf("refused calls have raised the revision from %d to %d", before, rev)
	}
	many.Do = many.Do[:ops]
	c.do(many.Do...)
}

func (c *check) endedContextHasNoEffect() {
	c.put("a", "1")
	before := c.rev()
	cause := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(c.ctx)
	id, _, err := c.s.Lease(ctx, time.Minute)
	c.must(err)
	cancel(cause)
	tx := store.Tx{Do: []store.Op{store.Put("a", []byte("2"))}}
	_, err = c.s.Commit(ctx, tx)
	c.wantError("Commit", err, cause)
	if errors.Is(err, store.ErrUnknown) {
		c.Errorf("a commit that was never sent returned %v", err)
	}
	_, err = c.s.CommitEach(ctx, []store.Tx{tx})
	c.wantError("CommitEach", err, cause)
	_, err = c.s.Get(ctx, "a")
	c.wantError("Get", err, cause)
	_, _, err = c.s.List(ctx, "a")
	c.wantError("List", err, cause)
	_, _, err = c.s.Lease(ctx, time.Minute)
	c.wantError("Lease", err, cause)
	c.wantError("Renew", c.s.Renew(ctx, id), cause)
	c.wantError("Revoke", c.s.Revoke(ctx, id), cause)
	if rev := c.rev(); rev != before {
		c.Errorf("calls have raised the revision from %d to %d", before, rev)
	}
	c.want("a", "1")
	c.must(c.s.Renew(c.ctx, id))
	c.must(c.s.Revoke(c.ctx, id))
}
