package kv_test

import (
	"context"
	"fmt"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/store"
)

func ExampleNewStored() {
	ctx := context.Background()
	db := new(store.Memory) // or bolt.Open("shop.db", bolt.Options{})
	defer db.Close()

	stock, err := kv.NewStored[string](kv.StoredSpec[int]{Store: db, Name: "stock"})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = stock.Set(ctx, "apples", 3)
	if err == nil {
		err = stock.Update(ctx, "apples", func(n int, ok bool) (int, kv.Op) {
			if n == 0 {
				return 0, kv.Delete
			}
			return n - 1, kv.Set
		})
	}
	n, ok, _ := stock.Get(ctx, "apples")
	fmt.Println(n, ok, err)
	// Output: 2 true <nil>
}

func ExampleStored_Mirror() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	db := new(store.Memory)
	defer db.Close()
	stock, err := kv.NewStored[string](kv.StoredSpec[int]{Store: db, Name: "stock"})
	if err != nil {
		fmt.Println(err)
		return
	}
	stock.Set(ctx, "apples", 3)

	mirror, err := stock.Mirror(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mirror.Close()
	n, ok := mirror.Get("apples") // no I/O and no error
	fmt.Println(n, ok)
	// Output: 3 true
}

func ExampleAddStored() {
	ctx := context.Background()
	db := new(store.Memory)
	defer db.Close()
	visits, err := kv.NewStored[string](kv.StoredSpec[int]{Store: db, Name: "visits"})
	if err != nil {
		fmt.Println(err)
		return
	}
	kv.AddStored(ctx, visits, "home", 1)
	fmt.Println(kv.AddStored(ctx, visits, "home", 1))
	// Output: 2 <nil>
}

func ExampleCompareAndSwapStored() {
	ctx := context.Background()
	db := new(store.Memory)
	defer db.Close()
	state, err := kv.NewStored[string](kv.StoredSpec[string]{Store: db, Name: "state"})
	if err != nil {
		fmt.Println(err)
		return
	}
	state.Set(ctx, "order 7", "paid")
	fmt.Println(kv.CompareAndSwapStored(ctx, state, "order 7", "paid", "sent"))
	fmt.Println(kv.CompareAndSwapStored(ctx, state, "order 7", "paid", "sent"))
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleJSON() {
	data, err := kv.JSON[map[string]int]().Encode(map[string]int{"apples": 3})
	fmt.Println(string(data), err)
	// Output: {"apples":3} <nil>
}

func ExampleGob() {
	codec := kv.Gob[[]string]()
	data, err := codec.Encode([]string{"a", "b"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(codec.Decode(data))
	// Output: [a b] <nil>
}
