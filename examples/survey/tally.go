package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/espalier-go/espalier/sup"
)

// A tally is an observer that counts failures. It may be read after the survey has
// stopped.
type tally struct {
	panics, goexits, errors, hung, abandoned int
}

// Observe implements [sup.Observer].
func (t *tally) Observe(e sup.Event) {
	switch e.Kind {
	case sup.ChildStuck:
		t.abandoned++
	case sup.ChildExited:
		if e.Exit.Kind == sup.ExitAbnormal {
			*t.column(e.Exit.Err)++
		}
	}
}

func (t *tally) column(err error) *int {
	switch {
	case errors.Is(err, sup.ErrPanic):
		return &t.panics
	case errors.Is(err, sup.ErrGoexit):
		return &t.goexits
	case errors.Is(err, sup.ErrUnhealthy), errors.Is(err, sup.ErrStuck):
		return &t.hung
	}
	return &t.errors
}

func (t tally) String() string {
	return fmt.Sprintf("%d panics, %d Goexits, %d errors and %d hung workers, of which %d were abandoned",
		t.panics, t.goexits, t.errors, t.hung, t.abandoned)
}

// printQuarantined prints why workers were quarantined, and whether their files were read
// in the end.
func printQuarantined(out io.Writer, quarantined []sup.ChildInfo, reports map[string]*report) {
	if len(quarantined) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%d files were quarantined\n", len(quarantined))
	for _, c := range quarantined {
		outcome := "read after an operator restarted the worker"
		if reports[c.ID] == nil {
			outcome = "not read"
		}
		fmt.Fprintf(out, "  %s: %s; %s\n", c.ID, cause(c.LastExit.Err), outcome)
	}
}

func cause(err error) string {
	if errors.Is(err, sup.ErrStuck) {
		return "hung and abandoned"
	}
	return err.Error()
}
