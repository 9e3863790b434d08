package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func (s *session) eventsCommand() *cobra.Command {
	var (
		follow, now bool
		after       uint64
	)
	cmd := &cobra.Command{
		Use:   "events [PATH]",
		Short: "Print the events on record, and with -f those that come",
		Long: `Events prints the events on record, and with -f those that come, until it is
interrupted or the tree has ended.

When the connection is lost, -f says so, goes on where it was cut as soon as there
is a server again, and says that too; what was not on record any more it says it
had to skip. If the program was started anew, its events are numbered from 1
again, and that is said too. If there is no server for a minute, or for as long as
--patience says, the program is taken to be gone for good: the exit code is 5.

With -o json each line is an event, or tells that some were skipped before the
next one: {"kind":"skipped","after":33}, with the number of the last one before.
If the program was started anew, it has "anew":true, and that number is one of
the program before.`,
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(anyChild),
		RunE: func(cmd *cobra.Command, args []string) error {
			if now && (!follow || after != 0) {
				return usage("--now is for -f, and without --after")
			}
			c, err := s.dial()
			if err != nil {
				return err
			}
			if now {
				after = sup.FromNow
			}
			path := pathArgument(cmd.Context(), c, args)
			print := s.eventPrinter(cmd.OutOrStdout(), cmd.ErrOrStderr())
			if follow {
				for e, err := range c.Events(cmd.Context(), path, after) {
					if err := print(e, err); err != nil {
						return err
					}
				}
				if cmd.Context().Err() == nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "supctl: the tree has ended, and there are no more events")
				}
				return nil
			}
			return printRecorded(cmd.Context(), c, path, after, print)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on with the events that come, until interrupted")
	f.BoolVar(&now, "now", false, "with -f: leave out what is on record")
	f.Uint64Var(&after, "after", 0, "only events with a higher `number`")
	return cmd
}

// recordTimeout is for trees that number their events and keep none on record.
const recordTimeout = 2 * time.Second

// recorded prints what is on record. The stream does not say where that ends,
// but the number of the last event is known.
func printRecorded(ctx context.Context, c sup.Inspector, path string, after uint64, print func(sup.Event, error) error) error {
	status, err := c.Status(ctx, "")
	if err != nil {
		return err
	}
	if status.Seq <= after {
		return nil
	}
	some, err := printUntil(ctx, c, path, after, status.Seq, print)
	if some || err != nil || path == "" || path == status.Path {
		return err
	}
	_, err = c.Child(ctx, path) // of what is gone there may be events; of what never was there are none
	return err
}

// printUntil prints the events at a path up to a number, and tells whether there
// were any.
func printUntil(ctx context.Context, c sup.Inspector, path string, after, last uint64, print func(sup.Event, error) error) (some bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for e, err := range c.Events(ctx, "", after) {
		if err == nil && e.Seq > last {
			break
		}
		if err != nil || path == "" || isWithin(e.Path, path) {
			some = some || err == nil
			if err := print(e, err); err != nil {
				return some, err
			}
		}
		if err == nil && e.Seq == last {
			break
		}
	}
	return some, nil
}

// isWithin reports whether a path is another one, as somebody has typed that, or
// below it.
func isWithin(path, above string) bool {
	rest, found := strings.CutPrefix(termtext.Path(path), termtext.Path(above))
	return found && (rest == "" || rest[0] == '/')
}

// eventPrinter returns what prints an event, or that some were skipped.
func (s *session) eventPrinter(stdout, stderr io.Writer) func(e sup.Event, err error) error {
	return func(e sup.Event, err error) error {
		switch {
		case errors.Is(err, sup.ErrSkipped):
			return s.printGap(stdout, stderr, err)
		case err != nil:
			return err
		case s.output == "json":
			return printJSON(stdout, e)
		}
		_, err = lipgloss.Fprintln(stdout, eventLine(e))
		return err
	}
}

// printGap tells that events were skipped: as JSON between the events, else
// beside them.
func (s *session) printGap(stdout, stderr io.Writer, err error) error {
	if s.output != "json" {
		_, err = fmt.Fprintln(stderr, "supctl:", prefix.Cut(err))
		return err
	}
	gap := struct {
		Kind  string `json:"kind"`
		After uint64 `json:"after"`
		Anew  bool   `json:"anew,omitzero"`
	}{Kind: "skipped", Anew: errors.Is(err, remote.ErrNewProgram)}
	if skipped, ok := errors.AsType[*sup.SkippedError](err); ok {
		gap.After = skipped.After
	}
	return printJSON(stdout, gap)
}

func eventLine(e sup.Event) string {
	line := fmt.Sprintf("%s %6d  %s  %s", e.Time.Format("15:04:05.000"), e.Seq, eventStyle(e).Render(fmt.Sprintf("%-18v", e.Kind)), termtext.Path(e.Path))
	if e.Incarnation > 0 {
		line += faint.Render(fmt.Sprintf(" #%d", e.Incarnation))
	}
	if e.Delay > 0 {
		line += " in " + age(e.Delay)
	}
	if e.Kind == sup.ChildExited || e.Kind == sup.SupervisorFailed || e.Kind == sup.ChildStuck {
		line += "  " + termtext.Line(exitText(e.Exit))
	}
	return line
}

func eventStyle(e sup.Event) lipgloss.Style {
	switch e.Kind {
	case sup.ChildReady, sup.SupervisorStarted:
		return good
	case sup.ChildStuck, sup.ChildQuarantined, sup.SupervisorFailed:
		return bad
	case sup.ChildRestarting:
		return busy
	case sup.ChildExited:
		if e.Exit.Kind == sup.ExitAbnormal {
			return bad
		}
	}
	return lipgloss.NewStyle()
}
