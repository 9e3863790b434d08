package suptest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// The other functions need a *testing.T. See suptest_test.go, inject_test.go and
// worker_test.go for their use.

func ExampleLine() {
	fmt.Println(suptest.Line(sup.Event{
		Kind: sup.ChildExited, Path: "orders/db", Incarnation: 2,
		Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("connection lost")},
	}))
	fmt.Println(suptest.Line(sup.Event{
		Kind: sup.ChildRestarting, Path: "orders/db", Incarnation: 2, Delay: time.Second,
	}))
	// Output:
	// child exited orders/db #2: abnormal: connection lost
	// child restarting orders/db #2 after 1s
}

func ExampleRecorder() {
	events := new(suptest.Recorder)
	s, err := sup.Start(context.Background(), sup.Spec[*suptest.Worker]{
		Name:      "orders",
		Observers: []sup.Observer{events},
		Children: []sup.ChildSpec[*suptest.Worker]{
			{ID: "db", Start: func(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil }},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Join(events.Lines(), "\n"))
	// Output:
	// child starting orders/db #1
	// child ready orders/db #1
	// supervisor started orders
	// child stopping orders/db #1
	// child exited orders/db #1: shutdown
	// child stopped orders/db #1
	// supervisor stopped orders
}

func ExampleWorker() {
	type feed struct {
		suptest.Worker
		symbol string
	}
	acme := &feed{symbol: "ACME"}
	s, err := sup.Start(context.Background(), sup.Spec[*feed]{
		AutoShutdown: sup.AutoShutdownAnySignificant,
		Children: []sup.ChildSpec[*feed]{{
			ID:      acme.symbol,
			Start:   func(context.Context) (*feed, error) { return acme, nil },
			Restart: sup.Transient, Significant: true,
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme.Return(nil)
	<-s.Done()
	fmt.Println(s.Children()[0].LastExit)
	// Output: normal
}
