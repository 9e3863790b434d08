package suptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/suptest"
)

func ExampleReadScenarios() {
	all, err := suptest.ReadScenarios(strings.NewReader(`scenario the web restarts with the db
supervisor rest_for_one 3/5s
child db permanent
child web permanent
start
> start db, start web
die db boom
> die db boom, stop_begin web, stop web, start db, start web
`))
	fmt.Println(len(all), all[0].Name, err)
	_, err = suptest.ReadScenarios(strings.NewReader("scenario s\nsupervisor one_for_none 3/5s\n"))
	fmt.Println(err)
	// Output:
	// 1 the web restarts with the db <nil>
	// suptest: line 2: "one_for_none" is no strategy: use one_for_one, one_for_all, rest_for_one
}

// A record of what has happened, as text. To play it needs a test: see Replay.
func ExampleScenarioOf() {
	ctx := context.Background()
	db := new(suptest.Worker)
	s, err := sup.Start(ctx, sup.Spec[*suptest.Worker]{
		Name: "shop", Intensity: sup.Intensity{Restarts: 0, Within: time.Second},
		Children: []sup.ChildSpec[*suptest.Worker]{{ID: "db", Start: func(context.Context) (*suptest.Worker, error) { return db, nil }}},
	})
	if err != nil {
		log.Fatal(err)
	}
	db.Return(errors.New("connection lost"))
	<-s.Done()
	record, err := flight.Take(ctx, sup.Inspect(s), "")
	if err != nil {
		log.Fatal(err)
	}
	_, text, _ := strings.Cut(suptest.ScenarioOf(record).String(), "\n") // the first line has the time
	fmt.Print(text)
	// Output:
	// scenario shop
	// supervisor one_for_one 0/1s
	// child db permanent
	// start
	// > start db
	// # connection lost
	// die db connection-lost
	// > die db connection-lost, supervisor_exit shutdown
}

func ExampleScenario() {
	all, err := suptest.ReadScenarios(strings.NewReader("# as it should be\nscenario s\nsupervisor one_for_one 3/5s\nstart\n"))
	fmt.Println(all[0].Comments, err)
	fmt.Print(all[0])
	// Output:
	// [as it should be] <nil>
	// # as it should be
	// scenario s
	// supervisor one_for_one 3/5s
	// start
}
