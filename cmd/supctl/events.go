package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

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
		Short: "Print the recorded events, and new ones with -f",
		Long: `Events prints the recorded events. With -f it continues with new events until it is
interrupted or the tree ends.

If the connection is lost, -f prints a message and resumes after the last event as
soon as a server is reachable. It reports the events that are no longer recorded. If
the program was restarted, it reports that event numbers begin at 1 again. If no
server is reachable for a minute, or for --patience, it exits with code 5.

With -o json each line is an event, or a gap: {"kind":"skipped","after":33} has the
number of the last event before the gap. If the program was restarted, the gap also
has "anew":true, and the number is one of the previous program.`,
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(anyChild),
		RunE: func(cmd *cobra.Command, args []string) error {
			if now && (!follow || after != 0) {
				return usage("--now needs -f and excludes --after")
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
					fmt.Fprintln(cmd.ErrOrStderr(), "supctl: tree ended, no more events")
				}
				return nil
			}
			return printRecorded(cmd.Context(), c, path, after, print)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "continue with new events until interrupted")
	f.BoolVar(&now, "now", false, "with -f, skip the recorded events")
	f.Uint64Var(&after, "after", 0, "only events with a higher `number`")
	return cmd
}

// recordTimeout limits the wait in trees that number events but record none.
const recordTimeout = 2 * time.Second

// printRecorded prints the recorded events. The stream does not mark their end, so it
// stops at the number of the last event.
func printRecorded(ctx context.Context, c sup.Inspector, path string, after uint64, print func(sup.Event, error) error) error {
	status, err := c.Status(ctx, "")
	if err != nil {
		return err
	}
	if status.Seq <= after {
		return nil
	}
	found, err := printUntil(ctx, c, path, after, status.Seq, print)
	if found || err != nil || path == "" || path == status.Path {
		return err
	}
	_, err = c.Child(ctx, path) // a deleted child may have events, a child that never existed has none
	return err
}

// printUntil prints the events at a path up to a number, and reports whether there
// were any.
func printUntil(ctx context.Context, c sup.Inspector, path string, after, last uint64, print func(sup.Event, error) error) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for e, err := range c.Events(ctx, "", after) {
		if err == nil && e.Seq > last {
			break
		}
		if err != nil || path == "" || isWithin(e.Path, path) {
			found = found || err == nil
			if err := print(e, err); err != nil {
				return found, err
			}
		}
		if err == nil && e.Seq == last {
			break
		}
	}
	return found, nil
}

// isWithin reports whether a path is above or a descendant of it. The path above may
// be in the escaped form of a terminal.
func isWithin(path, above string) bool {
	rest, found := strings.CutPrefix(termtext.Path(path), termtext.Path(above))
	return found && (rest == "" || rest[0] == '/')
}

// eventPrinter returns a function that prints an event or a gap.
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

// printGap reports skipped events: as JSON on stdout, as text on stderr.
func (s *session) printGap(stdout, stderr io.Writer, err error) error {
	if s.output != "json" {
		_, err = fmt.Fprintln(stderr, "supctl:", err)
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
		line += " after " + age(e.Delay)
	}
	if e.HostExhausted {
		line += bad.Render("  host exhausted")
	}
	if e.Exit.Kind != sup.ExitNone && (e.Kind == sup.ChildExited || e.Level() >= slog.LevelError) {
		line += "  " + termtext.Line(e.Exit.String())
	}
	return line
}

func eventStyle(e sup.Event) lipgloss.Style {
	switch {
	case e.Kind == sup.ChildRestarting: // whatever its level: the child recovers
		return busy
	case e.Level() >= slog.LevelWarn:
		return bad
	case e.Kind == sup.ChildReady || e.Kind == sup.SupervisorStarted:
		return good
	}
	return lipgloss.NewStyle()
}
