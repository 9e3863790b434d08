package mailbox_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/sup/mailbox"
)

// priceOf is a request for the price of a thing.
type priceOf = mailbox.Call[string, int]

var prices = map[string]int{"apple": 30, "pear": 40}

// quote answers requests for prices.
func quote(_ context.Context, c priceOf) error {
	if price, ok := prices[c.Request]; ok {
		c.Reply(price)
		return nil
	}
	if c.Request == "" {
		return errors.New("a request for nothing")
	}
	c.Fail(fmt.Errorf("there are no %ss", c.Request))
	return nil
}

func ExampleAsk() {
	var box mailbox.Mailbox[priceOf]
	go func() { _ = box.Process(context.Background(), quote, mailbox.Policy[priceOf]{}) }()
	for _, thing := range []string{"apple", "moon"} {
		fmt.Println(mailbox.Ask(context.Background(), &box, thing))
	}
	box.Close()
	// Output:
	// 30 <nil>
	// 0 there are no moons
}

// A mailbox of messages of several kinds: an interface, or, as here, a struct.
func ExampleAskAs() {
	type message struct {
		note  string
		price priceOf
	}
	var box mailbox.Mailbox[message]
	_ = box.TrySend(message{note: "good morning"})
	go func() {
		_ = box.Process(context.Background(), func(ctx context.Context, m message) error {
			if m.note != "" {
				fmt.Println(m.note)
				return nil
			}
			return quote(ctx, m.price)
		}, mailbox.Policy[message]{})
	}()
	fmt.Println(mailbox.AskAs(context.Background(), &box, "pear", func(c priceOf) message { return message{price: c} }))
	box.Close()
	// Output:
	// good morning
	// 40 <nil>
}

func ExampleCall() {
	var box mailbox.Mailbox[priceOf]
	go func() {
		c, err := box.Receive(context.Background())
		if err == nil {
			c.Reply(len(c.Request))
		}
	}()
	fmt.Println(mailbox.Ask(context.Background(), &box, "plum"))
	// Output: 4 <nil>
}

func ExampleCall_Reply() {
	var box mailbox.Mailbox[priceOf]
	answered := make(chan bool, 2)
	go func() {
		c, _ := box.Receive(context.Background())
		answered <- c.Reply(1)
		answered <- c.Reply(2) // too late
	}()
	fmt.Println(mailbox.Ask(context.Background(), &box, "apple"))
	fmt.Println(<-answered, <-answered)
	// Output:
	// 1 <nil>
	// true false
}

func ExampleCall_Fail() {
	var box mailbox.Mailbox[priceOf]
	go func() {
		c, _ := box.Receive(context.Background())
		c.Fail(errors.New("sold out"))
	}()
	_, err := mailbox.Ask(context.Background(), &box, "apple")
	fmt.Println(err)
	// Output: sold out
}

func ExampleCall_Context() {
	var box mailbox.Mailbox[priceOf]
	ctx, hangUp := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		c, _ := box.Receive(context.Background())
		hangUp()
		<-c.Context().Done() // no need to go on
		left <- c.Context().Err()
	}()
	_, err := mailbox.Ask(ctx, &box, "apple")
	fmt.Println(<-left, "/", err)
	// Output: context canceled / ask: context canceled
}

func ExampleNoReplyError() {
	var box mailbox.Mailbox[priceOf]
	go func() { _ = box.Process(context.Background(), quote, mailbox.Policy[priceOf]{}) }()
	_, err := mailbox.Ask(context.Background(), &box, "")
	fmt.Println(err)
	if e, ok := errors.AsType[*mailbox.NoReplyError](err); ok {
		fmt.Println(e.Err, errors.Is(err, mailbox.ErrNoReply))
	}
	// Output:
	// worker ended without a reply: a request for nothing
	// a request for nothing true
}
