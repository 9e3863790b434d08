package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/remote"
)

func (s *session) stacksCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stacks PATH",
		Short:             "Print the goroutine stacks of the child at PATH",
		Args:              onePath(false),
		ValidArgsFunction: s.completePath(anyChild),
		RunE: show(s, (*remote.Client).Stacks, func(cmd *cobra.Command, path, stacks string) error {
			if stacks == "" {
				_, err := fmt.Fprintln(cmd.ErrOrStderr(), termtext.Path(path), "is not running and has no goroutines")
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), termtext.Text(stacks))
			return err
		}),
	}
}
