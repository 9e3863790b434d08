package bolt_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/bolt"
)

// BenchmarkSet compares a Set of a kv.Stored in a file with an Update of bare bbolt, both
// with a flush of the disk each. callers is the number of callers at once.
//
//	go test -run - -bench BenchmarkSet .
func BenchmarkSet(b *testing.B) {
	value := fmt.Sprintf("%0100d", 7)
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	name := []byte("bucket")
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(name); return err }); err != nil {
		b.Fatal(err)
	}
	s, err := bolt.Open(filepath.Join(b.TempDir(), "s.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	stored, err := kv.NewStored[string](kv.StoredSpec[string]{Store: s, Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	bare := func(key string) error {
		return db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(name).Put([]byte(key), []byte(value)) })
	}
	set := func(key string) error { return stored.Set(b.Context(), key, value) }
	// The file grows until the history is full, and writes to new parts of a file take
	// longer. What is measured is the state after that.
	var warm sync.WaitGroup
	for range 64 {
		warm.Go(func() {
			for i := range store.History / 64 * 5 / 4 {
				if err := set(fmt.Sprintf("key/%04d", i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	warm.Wait()
	for _, c := range []struct {
		name    string
		callers int
		call    func(key string) error
	}{{"bbolt/callers=1", 1, bare}, {"stored/callers=1", 1, set}, {"stored/callers=32", 32, set}} {
		b.Run(c.name, func(b *testing.B) {
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range c.callers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := c.call(fmt.Sprintf("key/%04d", i%1000)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
