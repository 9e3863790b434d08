package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

func (s *session) startCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "start PATH KEY",
		Short: "Start the child with KEY in the keyed supervisor at PATH",
		Long: `Start adds the child with KEY to the keyed supervisor at PATH, starts it, and prints
its path when it is ready. A child that is declared and stopped is started with
supctl restart.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && args[0] != "":
				return usage("start needs a KEY after the PATH of a keyed supervisor: to start a stopped child, use supctl restart %s", shellQuoted(args[0]))
			case len(args) != 2 || args[0] == "":
				return usage("start needs the PATH of a keyed supervisor and a KEY")
			}
			return nil
		},
		ValidArgsFunction: s.completeKeyed(),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.dial()
			if err != nil {
				return err
			}
			path := args[0]
			child, err := c.StartChild(cmd.Context(), path, args[1])
			if err != nil {
				return err
			}
			return s.printResult(cmd, sup.ChildPath(path, child.ID), "started", child)
		},
	}
}

// targetCommand returns a command that calls a method for the child at PATH.
func (s *session) targetCommand(use, short string, match func(sup.ChildInfo) bool, done string, call func(ctx context.Context, c sup.Controller, t sup.Target) error) *cobra.Command {
	var incarnation int
	cmd := &cobra.Command{
		Use:               use + " PATH",
		Short:             short,
		Args:              onePath(false),
		ValidArgsFunction: s.completePath(match),
		RunE: func(cmd *cobra.Command, args []string) error {
			if incarnation < 0 {
				return usage("--incarnation %d is negative: incarnations are numbered from 1", incarnation)
			}
			c, err := s.dial()
			if err != nil {
				return err
			}
			t := sup.Target{Path: args[0], Incarnation: incarnation}
			if err := call(cmd.Context(), c, t); err != nil {
				return err
			}
			child, err := c.Child(cmd.Context(), t.Path)
			if err != nil { // the child or the tree is gone, but the call has succeeded
				return s.printResult(cmd, t.Path, done, sup.ChildInfo{})
			}
			return s.printResult(cmd, t.Path, done, child)
		},
	}
	cmd.Flags().IntVar(&incarnation, "incarnation", 0, "fail unless the child is at this incarnation `number`, see supctl status")
	return cmd
}

// printResult prints what was done, and as JSON the child.
func (s *session) printResult(cmd *cobra.Command, path, done string, child sup.ChildInfo) error {
	w := cmd.OutOrStdout()
	if (done == "started" || done == "restarted") && isAtRest(child) {
		// The start function chose not to start the child, or the child has ended already.
		done += ", now " + child.State.String()
	}
	if s.output == "json" {
		result := struct {
			Path  string         `json:"path"`
			Done  string         `json:"done"`
			Child *sup.ChildInfo `json:"child"`
		}{path, done, &child}
		if child.ID == "" {
			result.Child = nil
		}
		return printJSON(w, result)
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", termtext.Path(path), done)
	return err
}

func (s *session) terminateCommand() *cobra.Command {
	return s.targetCommand("terminate", "Stop a child until it is restarted", isNotAtRest, "terminated",
		func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.TerminateChild(ctx, t) })
}

func (s *session) restartCommand() *cobra.Command {
	cmd := s.targetCommand("restart", "Stop a child if it is running, and start it", anyChild, "restarted",
		func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.Replace(ctx, t) })
	cmd.Long = `Restart stops a child if it is running, and then starts it. Once the child was asked
to stop, it is started again even if the connection is lost or --timeout is over; see
supctl status for the result. The control server and its ancestors cannot be
restarted.`
	return cmd
}

func (s *session) deleteCommand() *cobra.Command {
	return s.targetCommand("delete", "Delete a stopped child", isAtRest, "deleted",
		func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.DeleteChild(ctx, t) })
}

func (s *session) shutdownCommand() *cobra.Command {
	cmd := s.targetCommand("shutdown", "Shut down the supervisor at PATH, or the whole tree", isSupervisor, "shut down",
		func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.Shutdown(ctx, t) })
	cmd.Long = `Shutdown stops the supervisor at PATH and its descendants in reverse start order.
supctl restart starts it again. To shut down the whole tree, which cannot be undone,
use its name as PATH.`
	return cmd
}
