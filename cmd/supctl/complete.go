package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// completionTimeout is the maximum time that a shell waits for completion.
const completionTimeout = time.Second

func anyChild(sup.ChildInfo) bool       { return true }
func isSupervisor(c sup.ChildInfo) bool { return c.Kind == sup.KindSupervisor }
func isAtRest(c sup.ChildInfo) bool {
	return c.State == sup.StateStopped || c.State == sup.StateQuarantined
}
func isNotAtRest(c sup.ChildInfo) bool { return !isAtRest(c) }

// completePath completes PATH, level by level, with the children that match.
func (s *session) completePath(match func(sup.ChildInfo) bool) cobra.CompletionFunc {
	return s.complete(func(_ context.Context, _ sup.Inspector, _ string, child sup.ChildInfo) bool { return match(child) })
}

// completeKeyed completes PATH with keyed supervisors.
func (s *session) completeKeyed() cobra.CompletionFunc {
	return s.complete(func(ctx context.Context, c sup.Inspector, path string, child sup.ChildInfo) bool {
		if !isSupervisor(child) {
			return false
		}
		status, err := c.Status(ctx, path)
		return err == nil && status.Set == sup.SetKeyed
	})
}

// complete offers the paths of the children that match, and the path with a slash of
// each supervisor.
func (s *session) complete(match func(ctx context.Context, c sup.Inspector, path string, child sup.ChildInfo) bool) cobra.CompletionFunc {
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
			path := termtext.Path(root.Path)
			found := []cobra.Completion{path + "/"}
			if match(ctx, c, root.Path, sup.ChildInfo{Kind: sup.KindSupervisor, State: sup.StateRunning}) {
				found = append(found, path)
			}
			return found, quiet | cobra.ShellCompDirectiveNoSpace
		}
		parent := typed[:at]
		children, err := c.Children(ctx, parent)
		if err != nil {
			return nil, quiet
		}
		var found []cobra.Completion
		directive := quiet
		for _, child := range children {
			path := termtext.Path(sup.ChildPath(parent, child.ID))
			if !strings.HasPrefix(path, typed) {
				continue
			}
			if match(ctx, c, path, child) {
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
