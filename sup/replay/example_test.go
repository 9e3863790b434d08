package replay_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/replay"
)

func ExampleRead() {
	all, err := replay.Read(strings.NewReader(`scenario the web restarts with the db
supervisor rest_for_one 3/5s
child db permanent
child web permanent
start
> start db, start web
die db boom
> die db boom, stop_begin web, stop web, start db, start web
`))
	fmt.Println(len(all), all[0].Name, err)
	_, err = replay.Read(strings.NewReader("scenario s\nsupervisor one_for_none 3/5s\n"))
	fmt.Println(err)
	// Output:
	// 1 the web restarts with the db <nil>
	// line 2: unknown strategy "one_for_none", want one_for_one, one_for_all, rest_for_one, one_for_dependents
}

// ScenarioOf shows an incident as text. A test plays it: see Run.
func ExampleScenarioOf() {
	record, err := flight.Read(strings.NewReader(`{"flight":1,"taken":"2026-01-02T03:05:00Z","complete":true}
{"tree":{"name":"shop","path":"shop","intensity":{"restarts":0,"within":1000000000},"children":[{"id":"db","state":"stopped"}]}}
{"event":{"seq":1,"time":"2026-01-02T03:04:00Z","kind":"child starting","path":"shop/db","id":"db","incarnation":1}}
{"event":{"seq":2,"time":"2026-01-02T03:04:00Z","kind":"child ready","path":"shop/db","id":"db","incarnation":1}}
{"event":{"seq":3,"time":"2026-01-02T03:04:00Z","kind":"supervisor started","path":"shop"}}
{"event":{"seq":4,"time":"2026-01-02T03:04:05Z","kind":"child exited","path":"shop/db","id":"db","incarnation":1,"exit":"abnormal","error":"connection lost"}}
{"event":{"seq":5,"time":"2026-01-02T03:04:05Z","kind":"child stopped","path":"shop/db","id":"db","incarnation":1,"exit":"abnormal","error":"connection lost"}}
{"event":{"seq":6,"time":"2026-01-02T03:04:05Z","kind":"supervisor failed","path":"shop","exit":"abnormal"}}
{"event":{"seq":7,"time":"2026-01-02T03:04:05Z","kind":"supervisor stopped","path":"shop","exit":"abnormal"}}
{"end":7}
`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(replay.ScenarioOf(record))
	// Output:
	// # shop, recorded until 2026-01-02T03:05:00Z: 7 events.
	// scenario shop
	// supervisor one_for_one 0/1s
	// child db permanent
	// start
	// > start db
	// pass 5s
	// # connection lost
	// die db connection-lost
	// > die db connection-lost, supervisor_exit shutdown
}

func ExampleScenario() {
	all, err := replay.Read(strings.NewReader("# as it should be\nscenario s\nsupervisor one_for_one 3/5s\nstart\n"))
	fmt.Println(all[0].Comments, err)
	fmt.Print(all[0])
	// Output:
	// [as it should be] <nil>
	// # as it should be
	// scenario s
	// supervisor one_for_one 3/5s
	// start
}
