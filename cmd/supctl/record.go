package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/flight"
)

func (s *session) recordCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "record [PATH]",
		Short: "Print the flight record of the supervisor at PATH",
		Long: `Record prints the flight record of the supervisor at PATH, and of all below it: how
it is declared and stands, and the last events, as JSON lines. In a directory
whose files a test replays (replay.Run), the record is a test:

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
			var record bytes.Buffer
			if err := flight.Dump(ctx, &record, c, pathArgument(ctx, c, args)); err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(termtext.JSON(record.Bytes()))
			return err
		},
	}
}
