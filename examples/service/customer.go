package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/kv"
)

// A Customer is the worker of one customer. It serves one question after the other, and
// ends when it has been idle.
type Customer struct {
	ctx       context.Context // of the worker: callers give up when it ends
	service   *Service
	name      string
	idle      time.Duration
	questions chan question
}

type question struct {
	currency string
	answer   chan string
}

var errEnded = errors.New("the worker of the customer has ended: try again")

func newCustomer(ctx context.Context, s *Service, name string, idle time.Duration) *Customer {
	return &Customer{ctx, s, name, idle, make(chan question)}
}

// Quote asks the worker.
func (c *Customer) Quote(ctx context.Context, currency string) (string, error) {
	q := question{currency, make(chan string, 1)}
	select {
	case c.questions <- q:
	case <-c.ctx.Done():
		return "", errEnded
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	select {
	case answer := <-q.answer:
		return answer, nil
	case <-c.ctx.Done():
		return "", errEnded
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Run implements [sup.Worker].
func (c *Customer) Run(ctx context.Context) error {
	for {
		select {
		case q := <-c.questions:
			q.answer <- c.answer(q.currency)
		case <-time.After(c.idle):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answer has a bug: it panics if there is no rate. That ends this customer's worker and
// no other. The number of quotes is kept.
func (c *Customer) answer(currency string) string {
	rate, ok := c.service.Rates.Get(currency)
	if !ok {
		panic("no rate for " + currency)
	}
	n := 0
	c.service.Quotes.Update(c.name, func(old int, _ bool) (int, kv.Op) {
		n = old + 1
		return n, kv.Set
	})
	return fmt.Sprintf("quote %d for %s: 1 EUR = %.4f %s", n, c.name, rate, currency)
}

// market returns a source of rates that fails now and then.
func market() func(context.Context) (map[string]float64, error) {
	var calls atomic.Int64
	return func(context.Context) (map[string]float64, error) {
		n := calls.Add(1)
		if n%10 == 0 {
			return nil, errors.New("market does not answer")
		}
		return map[string]float64{"USD": 1.1 + float64(n%7)/1000, "GBP": 0.85, "JPY": 160}, nil
	}
}
