package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// An order is what the examples send.
type order struct {
	item string
	n    int
}

// A till sells what is ordered, until something is wrong with the order.
type till struct {
	orders *mailbox.Mailbox[order]
	sell   func(ctx context.Context, o order) error
	policy mailbox.Policy[order]
}

func (t *till) Run(ctx context.Context) error { return t.orders.Process(ctx, t.sell, t.policy) }

// The mailbox is made where it outlives the worker: a message that was not
// finished when it crashed comes first when it is back.
func Example() {
	var orders mailbox.Mailbox[order]
	sold := make(chan string)
	sell := func(ctx context.Context, o order) error {
		if o.item == "pear" && sup.Incarnation(ctx) == 1 {
			panic("the till is on fire")
		}
		sold <- fmt.Sprintf("#%d: %d %ss", sup.Incarnation(ctx), o.n, o.item)
		return nil
	}
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[*till]{Children: []sup.ChildSpec[*till]{
		{ID: "till", Start: func(context.Context) (*till, error) { return &till{&orders, sell, mailbox.Policy[order]{}}, nil }},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range []order{{"apple", 1}, {"pear", 2}, {"plum", 3}} {
		if err := orders.Send(ctx, o); err != nil {
			fmt.Println(err)
		}
	}
	for range 3 {
		fmt.Println(<-sold)
	}
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// #1: 1 apples
	// #2: 2 pears
	// #2: 3 plums
	// <nil>
}

func ExampleMailbox() {
	var orders mailbox.Mailbox[order] // ready to use
	fmt.Println(orders.TrySend(order{"apple", 1}), orders.Len(), orders.Cap())
	// Output: <nil> 1 100
}

func ExampleNew() {
	b := mailbox.New[string](1)
	fmt.Println(b.TrySend("a"))
	fmt.Println(b.TrySend("b"))
	// Output:
	// <nil>
	// mailbox full
}

func ExampleMailbox_SetCapacity() {
	var b mailbox.Mailbox[int]
	b.SetCapacity(mailbox.Unbounded)
	for i := range 1000 {
		if err := b.TrySend(i); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(b.Len())
	// Output: 1000
}

func ExampleMailbox_Cap() {
	fmt.Println(mailbox.New[int](0).Cap(), mailbox.New[int](5).Cap())
	// Output: 100 5
}

func ExampleMailbox_Len() {
	b := mailbox.New[string](2)
	_ = b.TrySend("a")
	fmt.Println(b.Len())
	// Output: 1
}

func ExampleMailbox_Send() {
	b := mailbox.New[string](1)
	fmt.Println(b.Send(context.Background(), "a"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(b.Send(ctx, "b"))
	// Output:
	// <nil>
	// send: context deadline exceeded
}

func ExampleMailbox_TrySend() {
	b := mailbox.New[string](1)
	_ = b.TrySend("a")
	if err := b.TrySend("b"); errors.Is(err, mailbox.ErrFull) {
		fmt.Println("come back later")
	}
	// Output: come back later
}

func ExampleMailbox_Receive() {
	var b mailbox.Mailbox[string]
	go func() { _ = b.Send(context.Background(), "a") }()
	fmt.Println(b.Receive(context.Background()))
	// Output: a <nil>
}

func ExampleMailbox_TryReceive() {
	var b mailbox.Mailbox[string]
	_, err := b.TryReceive()
	fmt.Println(err)
	// Output: mailbox empty
}

func ExampleMailbox_All() {
	var b mailbox.Mailbox[string]
	for _, m := range []string{"a", "b"} {
		_ = b.TrySend(m)
	}
	b.Close()
	fmt.Println(slices.Collect(b.All(context.Background())))
	// Output: [a b]
}

func ExampleMailbox_Close() {
	var b mailbox.Mailbox[string]
	_ = b.TrySend("a")
	b.Close()
	fmt.Println(b.TrySend("b"))
	fmt.Println(b.TryReceive())
	_, err := b.TryReceive()
	fmt.Println(errors.Is(err, mailbox.ErrClosed))
	// Output:
	// mailbox closed
	// a <nil>
	// true
}

// Without a supervisor, a loop can see to the restarts.
func ExampleMailbox_Process() {
	var orders mailbox.Mailbox[order]
	_ = orders.TrySend(order{"apple", 1})
	orders.Close()
	attempt := 0
	sell := func(_ context.Context, o order) error {
		if attempt++; attempt == 1 {
			return errors.New("no change")
		}
		fmt.Println("sold:", o.n, o.item)
		return nil
	}
	for {
		err := orders.Process(context.Background(), sell, mailbox.Policy[order]{})
		fmt.Println(err)
		if err == nil {
			break
		}
	}
	// Output:
	// no change
	// sold: 1 apple
	// <nil>
}

func ExamplePolicy() {
	var orders mailbox.Mailbox[order]
	for _, o := range []order{{"moon", 1}, {"apple", 1}} {
		_ = orders.TrySend(o)
	}
	orders.Close()
	sell := func(_ context.Context, o order) error {
		if o.item == "moon" {
			return errors.New("does not fit through the door")
		}
		fmt.Println("sold:", o.item)
		return nil
	}
	policy := mailbox.Policy[order]{
		Deliveries: 2,
		DeadLetter: func(_ context.Context, l mailbox.DeadLetter[order]) error {
			fmt.Printf("refused after %d attempts: %s: %v\n", l.Deliveries, l.Message.item, l.Reason)
			return nil
		},
	}
	for orders.Process(context.Background(), sell, policy) != nil {
	}
	// Output:
	// refused after 2 attempts: moon: does not fit through the door
	// sold: apple
}

func ExampleDeadLetter() {
	l := mailbox.DeadLetter[string]{Message: "a", Deliveries: 3, Reason: sup.ErrGoexit}
	fmt.Println(l.Message, l.Deliveries, l.Reason)
	// Output: a 3 runtime.Goexit called
}
