// Command incident shows how an incident becomes a test. A shop whose cache loses its
// backend for a second goes down as a whole. The flight record of that is a test
// that fails until the tree is mended.
//
//	go run ./examples/incident                  the outage closes the shop
//	go run ./examples/incident -dump FILE       and the flight record is written
//	go run ./examples/incident -mended          the shop stays open
//
// In testdata, incident.jsonl is a record of the first command, and incident.txt the
// scenario of that record. The tests replay the record on both trees.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

func main() {
	fixed := flag.Bool("mended", false, "run the tree without the bug")
	dump := flag.String("dump", "", "write the flight record to this `file`")
	flag.Parse()
	if err := happen(os.Stdout, *fixed, *dump); err != nil {
		fmt.Fprintln(os.Stderr, "incident:", err)
		os.Exit(1)
	}
}

const (
	before = 200 * time.Millisecond // the outage
	outage = time.Second
	after  = 2 * outage
)

// happen makes the backend fail and prints what became of the shop.
func happen(out io.Writer, fixed bool, dump string) error {
	backend := newBackend()
	spec := shop(backend)
	if fixed {
		spec = mended(backend)
	}
	ctx := context.Background()
	s, err := sup.Start(ctx, spec)
	if err != nil {
		return err
	}
	time.Sleep(before)
	backend.fail(outage)
	select {
	case <-s.Done():
	case <-time.After(after):
	}
	fmt.Fprint(out, s.Snapshot())
	if err := s.Err(); err != nil {
		fmt.Fprintln(out, "the shop is closed:", err)
	} else {
		fmt.Fprintln(out, "the shop is open")
	}
	if dump != "" {
		if err := write(ctx, dump, s); err != nil {
			return err
		}
	}
	return s.Shutdown(ctx)
}

// write writes the flight record of a tree to a file.
func write(ctx context.Context, name string, s sup.AnySupervisor) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := flight.Dump(ctx, f, sup.Inspect(s), ""); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
