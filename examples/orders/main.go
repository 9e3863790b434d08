// Orders is an order service whose supervision tree is declared as a struct. It
// trades on a synthetic tape, while some of the orders panic or fail the worker
// that has them in its hands, the pool and the web server among them, and feeds
// are removed and added. When all is traded it prints the tree, and verifies
// that every order was matched exactly once, at its price.
//
//	go run ./examples/orders
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// config is what there is to choose about a run.
type config struct {
	seed   uint64
	orders int
	pace   time.Duration
}

func main() {
	var c config
	flag.Uint64Var(&c.seed, "seed", 1, "what the tape has, and which orders crash whom")
	flag.IntVar(&c.orders, "orders", 400, "`number` of orders for each symbol, 1 or more")
	flag.DurationVar(&c.pace, "pace", 4*time.Millisecond, "from one order for a symbol to the next")
	verbose := flag.Bool("v", false, "log what the supervisors do")
	flag.Parse()
	var observers []sup.Observer
	if *verbose {
		observers = append(observers, sup.Log(slog.Default()))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt kills
	if err := run(ctx, c, os.Stdout, observers...); err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// run trades the tape, and says what came of it.
func run(ctx context.Context, c config, out io.Writer, observers ...sup.Observer) error {
	if c.orders < 1 {
		return fmt.Errorf("%d orders: use 1 or more", c.orders)
	}
	crashes := 0 // the observer's alone, until the tree has ended
	count := sup.ObserverFunc(func(e sup.Event) {
		if e.Kind == sup.ChildExited && e.Exit.Kind == sup.ExitAbnormal {
			crashes++
		}
	})
	s := newService(c, out, append(observers, count)...)
	err := s.orders.Run(ctx) // until the desk has closed, or ctx is done
	fmt.Fprintf(out, "%d crashes; %d fills were recorded a second time, and refused\n", crashes, s.database.refused)
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return err
	}
	return verify(s.database.books, s.tape.plainly(), out)
}

var errLost = errors.New("the books differ from those of a plain loop")

// verify compares the books to those of a plain loop, order by order.
func verify(books, plain map[Symbol][]fill, out io.Writer) error {
	for symbol, want := range plain {
		if !slices.Equal(books[symbol], want) {
			return fmt.Errorf("%w: %s", errLost, symbol)
		}
	}
	orders, shares, cash := totals(books)
	fmt.Fprintf(out, "verified: %d orders, each matched once; %+d shares and %+d cents, as a plain loop has it\n",
		orders, shares, cash)
	return nil
}

func totals(books map[Symbol][]fill) (orders, shares, cash int) {
	for _, book := range books {
		for _, f := range book {
			orders++
			shares += f.shares
			cash -= f.shares * f.price
		}
	}
	return orders, shares, cash
}
