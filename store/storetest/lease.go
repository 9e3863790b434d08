package storetest

import (
	"time"

	"github.com/espalier-go/espalier/store"
)

// shortest is the time that the suite asks a lease for. A store may grant more.
const shortest = 300 * time.Millisecond

// putLeased sets keys to "leased" with a lease.
func (c *check) putLeased(id store.LeaseID, keys ...string) {
	c.Helper()
	var ops []store.Op
	for _, key := range keys {
		ops = append(ops, store.Op{Key: key, Value: []byte("leased"), Lease: id})
	}
	c.do(ops...)
	for _, key := range keys {
		if e := c.want(key, "leased"); e.Lease != id {
			c.Errorf("%s has lease %d, want %d", key, e.Lease, id)
		}
	}
}

func (c *check) lease(ttl time.Duration) (store.LeaseID, time.Duration) {
	c.Helper()
	id, granted, err := c.s.Lease(c.ctx, ttl)
	c.must(err)
	if granted < ttl || id == 0 {
		c.Fatalf("a lease of %v has id %d and %v", ttl, id, granted)
	}
	return id, granted
}

func (c *check) leaseEndsWithItsEntries() {
	begun := time.Now()
	id, granted := c.lease(shortest)
	c.put("kept", "1")
	c.putLeased(id, "a", "b")
	other, _ := c.lease(time.Hour)
	c.putLeased(other, "d")
	after := c.rev()
	for batch, err := range c.s.Watch(c.ctx, "", after) {
		c.must(err)
		if len(batch.Events) == 0 {
			continue
		}
		if lasted := time.Since(begun); lasted < granted {
			c.Errorf("a lease of %v has ended after %v", granted, lasted)
		}
		var gone []string
		for _, e := range batch.Events {
			if !e.Deleted || e.Modified != batch.Rev {
				c.Errorf("event %+v in revision %d, want a deletion", e, batch.Rev)
			}
			gone = append(gone, e.Key)
		}
		c.same("entries that ended with the lease, in one revision", gone, []string{"a", "b"})
		break
	}
	c.same("keys left", c.keys(""), []string{"d", "kept"})
	c.wantError("Renew of a lease that has ended", c.s.Renew(c.ctx, id), store.ErrLeaseGone)
	c.wantError("Revoke of a lease that has ended", c.s.Revoke(c.ctx, id), store.ErrLeaseGone)
	_, err := c.s.Commit(c.ctx, store.Tx{Do: []store.Op{store.Put("e", nil), {Key: "a", Lease: id}}})
	c.wantError("a put with a lease that has ended", err, store.ErrLeaseGone)
	c.want("a", "")
	c.want("e", "")
	c.must(c.s.Revoke(c.ctx, other))
}

func (c *check) renewedLeaseLasts() {
	id, granted := c.lease(shortest)
	c.putLeased(id, "a")
	renewed := time.Now()
	for range 8 {
		time.Sleep(granted / 4)
		begun := time.Now()
		if err := c.s.Renew(c.ctx, id); err != nil {
			if time.Since(renewed) >= granted {
				return // this machine was too busy to renew it
			}
			c.Fatalf("a lease of %v that was renewed %v ago: %v", granted, time.Since(renewed), err)
		}
		renewed = begun
	}
	for {
		begun := time.Now()
		if err := c.s.Renew(c.ctx, id); err != nil {
			return // it ended because this machine was too busy to renew it
		}
		e := c.get("a")
		if time.Since(begun) < granted {
			if e.Modified == 0 {
				c.Error("an entry has ended before its lease")
			}
			break
		}
	}
	c.must(c.s.Revoke(c.ctx, id))
}

func (c *check) revokedLeaseIsGone() {
	id, _ := c.lease(time.Hour)
	c.putLeased(id, "a", "b")
	c.put("c", "1")
	before := c.rev()
	c.must(c.s.Revoke(c.ctx, id))
	c.same("keys left", c.keys(""), []string{"c"})
	if rev := c.rev(); rev <= before {
		c.Errorf("revision %d after %d", rev, before)
	}
	for batch, err := range c.s.Watch(c.ctx, "", before) {
		c.must(err)
		if len(batch.Events) != 2 {
			c.Errorf("first batch %+v, want both deletions", batch)
		}
		break
	}
	c.wantError("Renew", c.s.Renew(c.ctx, id), store.ErrLeaseGone)
	c.wantError("second Revoke", c.s.Revoke(c.ctx, id), store.ErrLeaseGone)
	c.wantError("Renew of an id that was never granted", c.s.Renew(c.ctx, id+12345), store.ErrLeaseGone)
	empty, _ := c.lease(time.Hour)
	before = c.rev()
	c.must(c.s.Revoke(c.ctx, empty))
	if rev := c.rev(); rev != before {
		c.Errorf("the end of a lease without entries has raised the revision from %d to %d", before, rev)
	}
}

func (c *check) entryLeavesItsLease() {
	first, _ := c.lease(time.Hour)
	second, _ := c.lease(time.Hour)
	c.putLeased(first, "kept", "moved", "deleted", "stays")
	c.put("kept", "mine")
	c.putLeased(second, "moved")
	c.do(store.Delete("deleted"))
	c.put("deleted", "new")
	c.must(c.s.Revoke(c.ctx, first))
	c.same("keys after the first lease", c.keys(""), []string{"deleted", "kept", "moved"})
	c.must(c.s.Revoke(c.ctx, second))
	c.same("keys after the second lease", c.keys(""), []string{"deleted", "kept"})
}
