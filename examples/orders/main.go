// Orders is an order service whose supervision tree is declared as a struct. It trades
// the orders of a synthetic tape. Meanwhile, some orders make their workers panic or
// fail, including the database pool and the web server, and feeds are removed and added.
// At the end, the program prints the tree and verifies that every order was matched
// exactly once at the right price.
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

// config holds the flags.
type config struct {
	seed   uint64
	orders int
	pace   time.Duration
}

func main() {
	var c config
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the tape and of the failures")
	flag.IntVar(&c.orders, "orders", 400, "`number` of orders for each symbol, 1 or more")
	flag.DurationVar(&c.pace, "pace", 4*time.Millisecond, "time between two orders for a symbol")
	verbose := flag.Bool("v", false, "log supervision events")
	flag.Parse()
	var observers []sup.Observer
	if *verbose {
		observers = append(observers, sup.Log(slog.Default()))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt kills the program
	if err := run(ctx, c, os.Stdout, observers...); err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// run trades the tape, and prints and verifies the result.
func run(ctx context.Context, c config, out io.Writer, observers ...sup.Observer) error {
	if c.orders < 1 {
		return fmt.Errorf("%d orders: use 1 or more", c.orders)
	}
	crashes := 0 // only the observer may use it until the tree has ended
	count := sup.ObserverFunc(func(e sup.Event) {
		if e.Kind == sup.ChildExited && e.Exit.Kind == sup.ExitAbnormal {
			crashes++
		}
	})
	s := newService(c, out, append(observers, count)...)
	err := s.orders.Run(ctx) // returns when the desk has closed or ctx is done
	fmt.Fprintf(out, "%d crashes, %d duplicate fills refused\n", crashes, s.database.refused)
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return err
	}
	return verify(s.database.books, s.tape.tradeInLoop(), out)
}

var errDiffers = errors.New("books differ from those of a plain loop")

// verify compares the books to those of a plain loop, order by order.
func verify(books, plain map[Symbol][]fill, out io.Writer) error {
	for symbol, want := range plain {
		if !slices.Equal(books[symbol], want) {
			return fmt.Errorf("%w: %s", errDiffers, symbol)
		}
	}
	orders, shares, cash := totals(books)
	fmt.Fprintf(out, "verified: %d orders, each matched once; %+d shares and %+d cents, as in a plain loop\n",
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
