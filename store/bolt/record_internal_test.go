package bolt

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/store"
)

// A record that was changed is an error or the same entry, and never a panic.
func FuzzRecords(f *testing.F) {
	e := store.Entry{Key: "key", Value: []byte("value"), Modified: 7, Lease: 3}
	f.Add("key", encodeEntry(e))
	f.Add(string(encodeRev(7)), encodeEvents(7, []store.Event{{Entry: e}, {Entry: store.Entry{Key: "b"}, Deleted: true}}))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, record []byte) {
		if e, err := decodeEntry([]byte(key), record); err == nil {
			if diff := cmp.Diff(record, encodeEntry(e)); diff != "" {
				t.Errorf("an entry is not what it was encoded to:\n%s", diff)
			}
		}
		decodeEvents([]byte(key), record)
		// Events without a checksum that protects them.
		r := reader{rest: record}
		for len(r.rest) > 0 && !r.bad {
			r.bytes()
			if !r.flag() {
				r.varint()
				r.bytes()
			}
		}
	})
}
