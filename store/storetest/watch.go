package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/espalier-go/espalier/store"
)

// changes collects the batches of a watch that have events, until it has n.
func (c *check) changes(prefix string, after store.Rev, n int) []store.Batch {
	c.Helper()
	var list []store.Batch
	if n == 0 {
		return nil
	}
	for batch, err := range c.s.Watch(c.ctx, prefix, after) {
		c.must(err)
		if len(batch.Events) > 0 {
			list = append(list, batch)
		}
		if len(list) == n {
			break
		}
	}
	return list
}

func put(key, value string, rev store.Rev) store.Event {
	return store.Event{Entry: store.Entry{Key: key, Value: []byte(value), Modified: rev}}
}

func deleted(key string, rev store.Rev) store.Event {
	return store.Event{Entry: store.Entry{Key: key, Modified: rev}, Deleted: true}
}

func (c *check) watchYieldsEveryChange() {
	start := c.rev()
	r1 := c.put("a", "1")
	r2 := c.do(store.Put("a", []byte("2")), store.Put("b", []byte("2")), store.Delete("absent"))
	r3 := c.do(store.Delete("a"))
	results, err := c.s.CommitEach(c.ctx, []store.Tx{
		{Do: []store.Op{store.Put("a", []byte("4"))}},
		{If: []store.Cond{{Key: "b"}}, Do: []store.Op{store.Put("x", nil)}},
		{Do: []store.Op{store.Delete("b")}},
	})
	c.must(err)
	r4 := results[0].Rev
	want := []store.Batch{
		{Rev: r1, Events: []store.Event{put("a", "1", r1)}},
		{Rev: r2, Events: []store.Event{put("a", "2", r2), put("b", "2", r2)}},
		{Rev: r3, Events: []store.Event{deleted("a", r3)}},
		{Rev: r4, Events: []store.Event{put("a", "4", r4), deleted("b", r4)}},
	}
	for i, after := range []store.Rev{start, r1, r2, r3} {
		c.same(fmt.Sprintf("changes after %d", after), c.changes("", after, 4-i), want[i:])
	}
	// The rest comes while the watch waits.
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		<-ready
		for i := range 3 {
			if _, err := c.s.Commit(c.ctx, store.Tx{Do: []store.Op{store.Put("live", []byte{byte('a' + i)})}}); err != nil {
				c.Error(err)
			}
		}
	}()
	defer func() { <-done }()
	var values string
	for batch, err := range c.s.Watch(c.ctx, "", r4) {
		c.must(err)
		if len(batch.Events) == 0 && values == "" {
			select {
			case <-ready:
			default:
				close(ready)
			}
		}
		for _, e := range batch.Events {
			values += string(e.Value)
		}
		if len(values) == 3 {
			break
		}
	}
	if values != "abc" {
		c.Errorf("values %q, want abc", values)
	}
}

func (c *check) watchIsOfOnePrefix() {
	start := c.rev()
	r1 := c.do(store.Put("p/1", []byte("x")), store.Put("q", []byte("x")), store.Put("p", []byte("x")), store.Put("p/2", []byte("x")))
	c.put("q", "y")
	r3 := c.do(store.Put("p0", []byte("x")), store.Delete("p/1"))
	c.same("changes of p/", c.changes("p/", start, 2), []store.Batch{
		{Rev: r1, Events: []store.Event{put("p/1", "x", r1), put("p/2", "x", r1)}},
		{Rev: r3, Events: []store.Event{deleted("p/1", r3)}},
	})
}

func (c *check) watchReportsProgress() {
	c.put("other", "1")
	rev := c.rev()
	for batch, err := range c.s.Watch(c.ctx, "p/", rev) {
		c.must(err)
		if len(batch.Events) != 0 || batch.Rev != rev {
			c.Errorf("first batch %+v, want progress at %d", batch, rev)
		}
		break
	}
	// An idle watch goes on to report, and its revision can be watched from.
	reports := 0
	var last store.Rev
	for batch, err := range c.s.Watch(c.ctx, "p/", rev) {
		c.must(err)
		if len(batch.Events) > 0 || batch.Rev < last {
			c.Errorf("batch %+v after revision %d", batch, last)
		}
		last = batch.Rev
		if reports++; reports == 1 {
			rev = c.put("other", "2")
		}
		if last >= rev && reports > 1 {
			break
		}
	}
	next := c.put("p/1", "x")
	c.same("changes after progress", c.changes("p/", last, 1), []store.Batch{{Rev: next, Events: []store.Event{put("p/1", "x", next)}}})
}

func (c *check) watchesDuringWrites() {
	const writers, each, watchers = 4, 50, 3
	start := c.rev()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprint("w/", w)
				if _, err := c.s.Commit(c.ctx, store.Tx{Do: []store.Op{store.Put(key, fmt.Append(nil, i))}}); err != nil {
					c.Error(err)
					return
				}
			}
		})
	}
	for range watchers {
		wg.Go(func() {
			next := make(map[string]int)
			last, seen := start, 0
			for batch, err := range c.s.Watch(c.ctx, "w/", start) {
				if err != nil {
					c.Error(err)
					return
				}
				if batch.Rev < last || batch.Rev == last && len(batch.Events) > 0 {
					c.Errorf("revision %d after %d", batch.Rev, last)
				}
				last = batch.Rev
				for _, e := range batch.Events {
					if string(e.Value) != fmt.Sprint(next[e.Key]) {
						c.Errorf("%s is %s, want %d", e.Key, e.Value, next[e.Key])
						return
					}
					next[e.Key]++
					seen++
				}
				if seen == writers*each {
					return
				}
			}
		})
	}
	wg.Wait()
}

func (c *check) compactedRevisionsAreAnError() {
	first := c.put("a", "1")
	c.put("a", "2")
	last := c.put("a", "3")
	for _, err := range c.s.Watch(c.ctx, "", last+1000) {
		c.wantError("a watch from a revision that the store has not reached", err, store.ErrCompacted)
		break
	}
	compacter, ok := c.s.(interface {
		Compact(context.Context, store.Rev) error
	})
	if !ok {
		return
	}
	c.must(compacter.Compact(c.ctx, last-1))
	n := 0
	for batch, err := range c.s.Watch(c.ctx, "", first) {
		c.wantError("a watch from a compacted revision", err, store.ErrCompacted)
		if len(batch.Events) > 0 {
			c.Errorf("a watch from a compacted revision yielded %+v", batch)
		}
		n++
	}
	if n != 1 {
		c.Errorf("a watch that has ended yielded %d times, want once", n)
	}
	c.same("changes after the compacted revision", c.changes("", last-1, 1),
		[]store.Batch{{Rev: last, Events: []store.Event{put("a", "3", last)}}})
	c.want("a", "3")
}

func (c *check) contextEndsAWatch() {
	cause := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	var last error
	for _, err := range c.s.Watch(ctx, "", c.rev()) {
		if last != nil {
			c.Errorf("a watch went on after %v", last)
		}
		last = err
		cancel(cause)
	}
	c.wantError("a watch whose context has ended", last, cause)
	for _, err := range c.s.Watch(ctx, "", 0) {
		c.wantError("a watch whose context had ended", err, cause)
	}
}
