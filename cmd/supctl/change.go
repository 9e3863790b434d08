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
		Short: "Start the child of a key in the set at PATH",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "" {
				return usage("start takes the PATH of a set, and a KEY")
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

// A targeted command is one that is about a child.
func (s *session) targetCommand(use, short string, which func(sup.ChildInfo) bool, did string, call func(ctx context.Context, c control, t sup.Target) error) *cobra.Command {
	var incarnation int
	cmd := &cobra.Command{
		Use:               use + " PATH",
		Short:             short,
		Args:              onePath(false),
		ValidArgsFunction: s.completePath(which),
		RunE: func(cmd *cobra.Command, args []string) error {
			if incarnation < 0 {
				return usage("--incarnation %d: incarnations are numbered from 1", incarnation)
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
			if err != nil { // it is gone, or the tree is: the call has succeeded all the same
				return s.printResult(cmd, t.Path, did, sup.ChildInfo{})
			}
			return s.printResult(cmd, t.Path, did, child)
		},
	}
	cmd.Flags().IntVar(&incarnation, "incarnation", 0, "do nothing if the child is not this `number` any more; status tells it")
	return cmd
}

// done tells that a call has succeeded, and how the child is now.
func (s *session) printResult(cmd *cobra.Command, path, did string, child sup.ChildInfo) error {
	w := cmd.OutOrStdout()
	if s.output == "json" {
		result := struct {
			Path  string         `json:"path"`
			Done  string         `json:"done"`
			Child *sup.ChildInfo `json:"child"`
		}{path, did, &child}
		if child == (sup.ChildInfo{}) {
			result.Child = nil
		}
		return printJSON(w, result)
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", termtext.Path(path), did)
	return err
}

func (s *session) terminateCommand() *cobra.Command {
	return s.targetCommand("terminate", "Stop a child and keep it declared: it stays down until it is restarted", isNotAtRest, "terminated",
		func(ctx context.Context, c control, t sup.Target) error { return c.TerminateChild(ctx, t) })
}

// A control is a controller that can replace what is up: a [remote.Client].
type control interface {
	sup.Controller
	Replace(ctx context.Context, t sup.Target) error
}

func (s *session) restartCommand() *cobra.Command {
	cmd := s.targetCommand("restart", "Stop a child, if it is up, and start it again", anyChild, "restarted",
		func(ctx context.Context, c control, t sup.Target) error { return c.Replace(ctx, t) })
	cmd.Long = `Restart stops a child, if it is up, and then starts it again. The control server
sees to that by itself once the child was told to stop, also if the connection is
lost or --timeout is over; status tells how it went. What the control server is
within cannot be restarted over it, itself included.`
	return cmd
}

func (s *session) deleteCommand() *cobra.Command {
	return s.targetCommand("delete", "Remove a child that is stopped", isAtRest, "deleted",
		func(ctx context.Context, c control, t sup.Target) error { return c.DeleteChild(ctx, t) })
}

func (s *session) shutdownCommand() *cobra.Command {
	cmd := s.targetCommand("shutdown", "End the supervisor at PATH, in order; the tree's own for good", isSupervisor, "shut down",
		func(ctx context.Context, c control, t sup.Target) error { return c.Shutdown(ctx, t) })
	cmd.Long = `Shutdown ends the supervisor at PATH, and all that is below it, in order. One
within the tree can be restarted; the tree itself is down for good, so its name
has to be given.`
	return cmd
}
