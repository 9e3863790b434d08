package mailbox_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup/mailbox"
)

// BenchmarkSendReceive measures a mailbox against channels of the same capacity:
// x-select is the ratio to one that is used in a select with the context, which is
// what a worker that can be stopped would have without a mailbox; x-chan that to
// one that is used bare, which can neither be stopped nor closed by a receiver.
// All three are measured in turn; the ratios are medians over the rounds.
//
//	go test -run - -bench . -cpu 1,2 ./sup/mailbox
func BenchmarkSendReceive(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, capacity := range []int{1, 100, 10_000} {
		for _, pairs := range []int{0, 1, 4, 64} {
			b.Run(fmt.Sprintf("cap=%d/pairs=%d", capacity, pairs), func(b *testing.B) {
				rivals(b, pairs, map[string]func() link{
					"x-select": func() link { return selecting(ctx, capacity) },
					"x-chan": func() link {
						ch := make(chan int, capacity)
						return link{send: func(i int) { ch <- i }, receive: func() { <-ch }}
					},
				}, func() link {
					box := mailbox.New[int](capacity)
					return link{
						send:    func(i int) { _ = box.Send(ctx, i) },
						receive: func() { _, _ = box.Receive(ctx) },
					}
				})
			})
		}
	}
}

// BenchmarkProcess measures the delivery of messages that are there: by Process
// to a function that does nothing, against a loop that takes them out of a channel
// in a select with the context, and calls it.
func BenchmarkProcess(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := func(context.Context, int) error { return nil }
	var ratios []float64
	var ours time.Duration
	b.ReportAllocs()
	for b.Loop() {
		ch := selecting(ctx, messages)
		box := mailbox.New[int](messages)
		for i := range messages {
			ch.send(i)
			_ = box.TrySend(i)
		}
		box.Close()
		limit := timed(func() {
			for i := range messages {
				ch.receive()
				_ = work(ctx, i)
			}
		})
		took := timed(func() { _ = box.Process(ctx, work, mailbox.Policy[int]{}) })
		ours += took
		ratios = append(ratios, float64(took)/float64(limit))
	}
	b.ReportMetric(median(ratios), "x-select")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/messages, "ns/message")
	b.ReportMetric(0, "ns/op") // of a round: of no interest
}

// messages is how many a round measures.
const messages = 1 << 14

// link is a way from a sender to a receiver.
type link struct {
	send    func(i int)
	receive func()
}

func selecting(ctx context.Context, capacity int) link {
	ch := make(chan int, capacity)
	return link{
		send: func(i int) {
			select {
			case ch <- i:
			case <-ctx.Done():
			}
		},
		receive: func() {
			select {
			case <-ch:
			case <-ctx.Done():
			}
		},
	}
}

func rivals(b *testing.B, pairs int, limits map[string]func() link, ours func() link) {
	ratios := make(map[string][]float64)
	var took []float64
	b.ReportAllocs()
	for b.Loop() {
		own := ours().lap(pairs)
		took = append(took, float64(own.Nanoseconds())/messages)
		for name, limit := range limits {
			ratios[name] = append(ratios[name], float64(own)/float64(limit().lap(pairs)))
		}
	}
	for name := range limits {
		b.ReportMetric(median(ratios[name]), name)
	}
	b.ReportMetric(median(took), "ns/message")
	b.ReportMetric(0, "ns/op") // of a round: of no interest
}

// lap moves messages: in one goroutine if pairs is 0, and otherwise between so
// many senders and as many receivers.
func (l link) lap(pairs int) time.Duration {
	if pairs == 0 {
		return timed(func() {
			for i := range messages {
				l.send(i)
				l.receive()
			}
		})
	}
	return timed(func() {
		var wg sync.WaitGroup
		for range pairs {
			wg.Go(func() {
				for i := range messages / pairs {
					l.send(i)
				}
			})
			wg.Go(func() {
				for range messages / pairs {
					l.receive()
				}
			})
		}
		wg.Wait()
	})
}

func timed(f func()) time.Duration {
	runtime.GC()
	began := time.Now()
	f()
	return time.Since(began)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
