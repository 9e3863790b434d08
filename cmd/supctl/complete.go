package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup"
)

// completionTimeout is what a shell is made to wait for at most.
const completionTimeout = time.Second

func everything(sup.ChildInfo) bool    { return true }
func supervisors(c sup.ChildInfo) bool { return c.Kind == sup.KindSupervisor }
func atRest(c sup.ChildInfo) bool      { return c.State == sup.Stopped || c.State == sup.Quarantined }
func notAtRest(c sup.ChildInfo) bool   { return !atRest(c) }

// completePath completes a PATH with those of the children that a command is
// for, level by level.
func (s *session) completePath(which func(sup.ChildInfo) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const quiet = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 {
			return nil, quiet
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completionTimeout)
		defer cancel()
		c, err := s.dial()
		if err != nil {
			return nil, quiet
		}
		root, err := c.Status(ctx, "")
		if err != nil {
			return nil, quiet
		}
		at := strings.LastIndexByte(typed, '/')
		if at < 0 {
			return []cobra.Completion{root.Path, root.Path + "/"}, quiet | cobra.ShellCompDirectiveNoSpace
		}
		above := typed[:at]
		children, err := c.Children(ctx, above)
		if err != nil {
			return nil, quiet
		}
		var found []cobra.Completion
		directive := quiet
		for _, child := range children {
			path := sup.ChildPath(above, child.ID)
			if !strings.HasPrefix(path, typed) {
				continue
			}
			if which(child) {
				found = append(found, cobra.CompletionWithDesc(path, child.State.String()))
			}
			if child.Kind == sup.KindSupervisor {
				found = append(found, path+"/")
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return found, directive
	}
}
