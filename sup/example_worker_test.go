package sup_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"runtime"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// worker is a function as a worker.
type worker func(ctx context.Context) error

func (w worker) Run(ctx context.Context) error { return w(ctx) }

// start returns a start function for a worker.
func start(run worker) func(context.Context) (worker, error) {
	return func(context.Context) (worker, error) { return run, nil }
}

// runOnce supervises one worker until it ends, and returns how it did.
func runOnce[W sup.Worker](spec sup.ChildSpec[W]) sup.Exit {
	spec.ID, spec.Restart, spec.Significant = "one", sup.Transient, true
	s := sup.New(sup.Spec[W]{
		Name:         "once",
		Intensity:    sup.Intensity{Restarts: 0, Within: time.Second},
		AutoShutdown: sup.AutoShutdownAnySignificant,
		Children:     []sup.ChildSpec[W]{spec},
	})
	_ = s.Run(context.Background()) // what there is to say is in the last exit
	return s.Children()[0].LastExit
}

func ExampleWorker() {
	ticks := make(chan int, 3)
	count := worker(func(ctx context.Context) error {
		for i := range 3 {
			select {
			case ticks <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	fmt.Println(runOnce(sup.ChildSpec[worker]{Start: start(count)}), len(ticks))
	// Output: normal 3
}

// A shop opens before its siblings that come later start, and closes after the
// last customer.
type shop struct{}

func (shop) Initialize(context.Context) error {
	fmt.Println("open")
	return nil
}

func (shop) Run(ctx context.Context) error {
	fmt.Println("sell")
	return errors.New("sold out")
}

func (shop) Terminate(ctx context.Context, exit sup.Exit) error {
	_, bounded := ctx.Deadline()
	fmt.Println("close, because", exit.Err, bounded)
	return nil
}

func ExampleInitializer() {
	runOnce(sup.ChildSpec[shop]{
		Start: func(context.Context) (shop, error) { return shop{}, nil },
	})
	// Output:
	// open
	// sell
	// close, because sold out true
}

func ExampleTerminator() {
	exit := runOnce(sup.ChildSpec[shop]{
		Start:    func(context.Context) (shop, error) { return shop{}, nil },
		Shutdown: sup.Infinity, // no deadline for Terminate
	})
	fmt.Println(exit)
	// Output:
	// open
	// sell
	// close, because sold out false
	// abnormal: sold out
}

func ExampleExit() {
	for _, run := range []worker{
		func(context.Context) error { return nil },
		func(context.Context) error { return fmt.Errorf("%w: nothing left to do", sup.ErrShutdown) },
		func(context.Context) error { return errBroke },
		func(context.Context) error { return context.Canceled }, // though nobody asked it to stop
		func(context.Context) error { panic(errBroke) },
		func(context.Context) error { runtime.Goexit(); return nil },
	} {
		fmt.Println(runOnce(sup.ChildSpec[worker]{Start: start(run)}))
	}
	// Output:
	// normal
	// shutdown: shutdown: nothing left to do
	// abnormal: broke
	// abnormal: context canceled
	// abnormal: panic: broke
	// abnormal: runtime.Goexit called
}

// A worker knows where it stands, and how the one before it ended.
func ExamplePrevious() {
	done := make(chan struct{})
	s, err := sup.Start(context.Background(), sup.Spec[worker]{
		Name: "shop",
		Children: []sup.ChildSpec[worker]{{ID: "till", Start: start(func(ctx context.Context) error {
			fmt.Println(sup.Path(ctx), sup.Incarnation(ctx), sup.Previous(ctx))
			if sup.Incarnation(ctx) == 2 {
				close(done)
				<-ctx.Done()
			}
			return errBroke
		})}},
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	end(s)
	// Output:
	// shop/till 1 none
	// shop/till 2 abnormal: broke
}

func ExamplePath() {
	runOnce(sup.ChildSpec[worker]{Start: start(func(ctx context.Context) error {
		fmt.Println(sup.Path(ctx))
		return nil
	})})
	fmt.Printf("%q\n", sup.Path(context.Background()))
	// Output:
	// once/one
	// ""
}

func ExampleIncarnation() {
	runOnce(sup.ChildSpec[worker]{Start: start(func(ctx context.Context) error {
		fmt.Println(sup.Incarnation(ctx))
		return nil
	})})
	fmt.Println(sup.Incarnation(context.Background()))
	// Output:
	// 1
	// 0
}

// A goroutine started by Go ends the worker when it fails, and is waited for.
func ExampleGo() {
	exit := runOnce(sup.ChildSpec[worker]{Start: start(func(ctx context.Context) error {
		if err := sup.Go(ctx, func(context.Context) error { return errBroke }); err != nil {
			return err
		}
		<-ctx.Done()
		fmt.Println("stops, because", context.Cause(ctx))
		return ctx.Err()
	})})
	fmt.Println(exit)
	fmt.Println(sup.Go(context.Background(), func(context.Context) error { return nil }))
	// Output:
	// stops, because broke
	// abnormal: broke
	// not the context of a running worker
}

// A worker with a watchdog beats, or is taken for hung.
func ExampleBeat() {
	exit := runOnce(sup.ChildSpec[worker]{
		Watchdog: 50 * time.Millisecond,
		Start: start(func(ctx context.Context) error {
			for range 1000 {
				sup.Beat(ctx) // as long as it gets ahead
			}
			<-ctx.Done() // where a worker hangs that waits for an answer
			return ctx.Err()
		}),
	})
	fmt.Println(exit.Kind, errors.Is(exit.Err, sup.ErrUnhealthy))
	// Output: abnormal true
}
