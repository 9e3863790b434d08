package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup/flight"
)

func (s *session) recordCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "record [PATH]",
		Short: "Print the flight record of the supervisor at PATH",
		Long: `Record prints the flight record of the supervisor at PATH and its descendants: a
snapshot and the recorded events, as JSON lines. A record in a directory that a test
replays (replay.Run) is a regression test:

	supctl record > testdata/incidents/monday.jsonl && go test ./...`,
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(isSupervisor),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.dial()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), s.timeout)
			defer cancel()
			return flight.Dump(ctx, cmd.OutOrStdout(), c, pathArgument(ctx, c, args))
		},
	}
}
