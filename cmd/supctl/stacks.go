package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
)

func (s *session) stacksCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stacks PATH",
		Short:             "Print the goroutine stacks of the child at PATH",
		Args:              onePath(false),
		ValidArgsFunction: s.completePath(anyChild),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.dial()
			if err != nil {
				return err
			}
			path := pathArgument(cmd.Context(), c, args)
			stacks, err := c.Stacks(cmd.Context(), path)
			if err != nil {
				return err
			}
			if s.output == "json" {
				return printJSON(cmd.OutOrStdout(), stacks)
			}
			if stacks == "" {
				_, err = fmt.Fprintln(cmd.ErrOrStderr(), termtext.Path(path), "has no goroutines, since it is not running")
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), termtext.Text(stacks))
			return err
		},
	}
}
