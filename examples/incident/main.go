// Command incident shows what becomes of an incident: a shop whose cache loses its
// backend for a second goes down altogether; the flight record of that is a test
// that fails, until the tree is mended.
//
//	go run ./examples/incident                  it happens, and the shop is closed
//	go run ./examples/incident -dump FILE       and the flight record is written
//	go run ./examples/incident -mended          it happens, and nobody notices
//
// testdata has a record of the first, incident.jsonl, and the scenario that is made
// of it, incident.txt. The tests replay the record on both trees.
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
	fixed := flag.Bool("mended", false, "run the tree in which the bug is mended")
	dump := flag.String("dump", "", "write the flight record to this `file`")
	flag.Parse()
	if err := happen(os.Stdout, *fixed, *dump); err != nil {
		fmt.Fprintln(os.Stderr, "incident:", err)
		os.Exit(1)
	}
}

const (
	before = 200 * time.Millisecond // for which all is well
	outage = time.Second
	after  = 2 * outage
)

// happen lets the backend fail, and says what has become of the shop.
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
