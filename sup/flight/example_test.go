package flight_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"regexp"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// Reader is a worker that fails with its disk.
type Reader struct{ disk chan struct{} }

// Run waits until the disk fails.
func (r Reader) Run(context.Context) error {
	<-r.disk
	return errors.New("bad checksum")
}

// gaveUp returns a supervisor that has given up.
func gaveUp() *sup.Supervisor[Reader] {
	r := Reader{make(chan struct{})}
	s, err := sup.Start(context.Background(), sup.Spec[Reader]{
		Name:      "archive",
		Intensity: sup.Intensity{Restarts: 1, Within: time.Second},
		Children:  []sup.ChildSpec[Reader]{{ID: "reader", Start: func(context.Context) (Reader, error) { return r, nil }}},
	})
	if err != nil {
		log.Fatal(err)
	}
	close(r.disk)
	<-s.Done()
	return s
}

// Dump works after the end of the tree, without preparation.
func ExampleDump() {
	s := gaveUp()
	var file strings.Builder
	if err := flight.Dump(context.Background(), &file, sup.Inspect(s), ""); err != nil {
		log.Fatal(err)
	}
	times := regexp.MustCompile(`"time":"[^"]*",`)
	for line := range strings.Lines(file.String()) {
		if strings.Contains(line, "exited") || strings.Contains(line, "end") {
			fmt.Print(times.ReplaceAllString(line, ""))
		}
	}
	// Output:
	// {"event":{"seq":4,"kind":"child exited","path":"archive/reader","id":"reader","incarnation":1,"exit":"abnormal","error":"bad checksum"}}
	// {"event":{"seq":8,"kind":"child exited","path":"archive/reader","id":"reader","incarnation":2,"exit":"abnormal","error":"bad checksum"}}
	// {"end":11}
}

func ExampleTake() {
	r, err := flight.Take(context.Background(), sup.Inspect(gaveUp()), "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Tree.Path, r.Tree.Intensity, r.Complete, len(r.Events))
	// Output: archive 1/1s true 11
}

func ExampleRecord_WriteTo() {
	r, err := flight.Take(context.Background(), sup.Inspect(gaveUp()), "")
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	n, err := r.WriteTo(&file)
	fmt.Println(n == int64(file.Len()), err)
	// Output: true <nil>
}

func ExampleRead() {
	var file bytes.Buffer
	if err := flight.Dump(context.Background(), &file, sup.Inspect(gaveUp()), ""); err != nil {
		log.Fatal(err)
	}
	cut := bytes.TrimSuffix(file.Bytes(), []byte("{\"end\":11}\n"))
	r, err := flight.Read(&file)
	fmt.Println(r.Events[3].Kind, r.Events[3].Exit, err)
	_, err = flight.Read(bytes.NewReader(cut))
	fmt.Println(err)
	// Output:
	// child exited abnormal: bad checksum <nil>
	// line 14: incomplete flight record: no {"end":N}
}

func ExampleLineError() {
	_, err := flight.Read(strings.NewReader(`{"flight":7}`))
	line, _ := errors.AsType[*flight.LineError](err)
	fmt.Println(line.Line, errors.Is(err, flight.ErrVersion))
	// Output: 1 true
}

func ExampleRecord() {
	r, err := flight.Take(context.Background(), sup.Inspect(gaveUp()), "")
	if err != nil {
		log.Fatal(err)
	}
	last := r.Events[len(r.Events)-1]
	fmt.Println(last.Kind, last.Path)
	// Output: supervisor stopped archive
}

// This example finds the first failure in the record of a tree that has ended.
func Example() {
	var file bytes.Buffer // on a disk, in a program
	if err := flight.Dump(context.Background(), &file, sup.Inspect(gaveUp()), ""); err != nil {
		log.Fatal(err)
	}
	r, err := flight.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range r.Events {
		if e.Exit.Kind == sup.ExitAbnormal {
			fmt.Println(e.Path, e.Kind, e.Exit.Err)
			break
		}
	}
	// Output: archive/reader child exited bad checksum
}
