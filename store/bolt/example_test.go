package bolt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/bolt"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fleet.db")
	ctx := context.Background()

	s, err := bolt.Open(path, bolt.Options{Sync: bolt.Always})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Commit(ctx, store.Tx{
		If: []store.Cond{{Key: "owner", Rev: 0}}, // absent
		Do: []store.Op{store.Put("owner", []byte("n1"))},
	})
	s.Close()

	s, err = bolt.Open(path, bolt.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	e, err := s.Get(ctx, "owner")
	fmt.Printf("%s, revision %d, %v\n", e.Value, e.Modified, err)
	// Output: n1, revision 1, <nil>
}
