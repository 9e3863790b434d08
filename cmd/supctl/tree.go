package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func (s *session) treeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "tree [PATH]",
		Short:             "Print the tree, or the part below PATH",
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(isSupervisor),
		RunE: show(s, (*remote.Client).Snapshot, func(cmd *cobra.Command, _ string, tree sup.SupervisorInfo) error {
			return drawTree(cmd.OutOrStdout(), tree)
		}),
	}
}

func (s *session) childrenCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "children [PATH]",
		Short:             "List the children of the supervisor at PATH",
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(isSupervisor),
		RunE: show(s, (*remote.Client).Children, func(cmd *cobra.Command, _ string, children []sup.ChildInfo) error {
			rows := make([]row, len(children))
			for i, c := range children {
				rows[i] = row{displayID(c.ID), c.State.String(), childFacts(c), stateStyle(c.State)}
			}
			return printRows(cmd.OutOrStdout(), rows)
		}),
	}
}

// show returns a function that runs a command without side effects. It gets a value
// at the path argument and prints it, with print unless the output is JSON.
func show[T any](s *session, get func(*remote.Client, context.Context, string) (T, error), print func(cmd *cobra.Command, path string, v T) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := s.dial()
		if err != nil {
			return err
		}
		path := pathArgument(cmd.Context(), c, args)
		v, err := get(c, cmd.Context(), path)
		if err != nil {
			return err
		}
		if s.output == "json" {
			return printJSON(cmd.OutOrStdout(), v)
		}
		return print(cmd, path, v)
	}
}

// A row is a line of a table or of a tree.
type row struct {
	name  string // with its branches
	state string
	rest  []string
	style lipgloss.Style
}

func drawTree(w io.Writer, tree sup.SupervisorInfo) error {
	root := row{name: bold.Render(termtext.Path(tree.Path)), state: "running", style: good, rest: supervisorFacts(tree)}
	if !tree.Running {
		root.state, root.style = "not running", busy
	} else {
		root.rest = append([]string{"up " + age(tree.Uptime)}, root.rest...)
	}
	return printRows(w, append([]row{root}, rowsBelow(tree, "")...))
}

func rowsBelow(tree sup.SupervisorInfo, indent string) []row {
	var rows []row
	for i, c := range tree.Children {
		branch, below := "├── ", "│   "
		if i == len(tree.Children)-1 {
			branch, below = "└── ", "    "
		}
		rows = append(rows, row{
			name:  faint.Render(indent+branch) + displayID(c.ID),
			state: c.State.String(),
			style: stateStyle(c.State),
			rest:  childFacts(c),
		})
		if c.Supervisor != nil {
			rows = append(rows, rowsBelow(*c.Supervisor, indent+below)...)
		}
	}
	return rows
}

func supervisorFacts(s sup.SupervisorInfo) []string {
	facts := []string{s.Strategy.String(), s.Intensity.String()}
	if s.Set != sup.SetNone {
		facts[0] = setText(s.Set, s.Max)
	}
	return facts
}

// setText describes a set of children. It replaces the strategy, which is the same for
// all sets.
func setText(set sup.SetKind, limit int) string {
	if limit > 0 {
		return fmt.Sprintf("%v, max %d", set, limit)
	}
	return set.String()
}

// childFacts returns what the tree shows about a child besides its state.
func childFacts(c sup.ChildInfo) []string {
	facts := []string{since(c.Since)}
	if c.Supervisor != nil {
		facts = append(facts, supervisorFacts(*c.Supervisor)...)
	}
	if c.Restart != sup.Permanent {
		facts = append(facts, c.Restart.String())
	}
	if len(c.Needs) > 0 {
		facts = append(facts, "needs "+termtext.Line(strings.Join(c.Needs, ", ")))
	}
	if c.Restarts > 0 {
		facts = append(facts, busy.Render(restarts(c.Restarts)))
	}
	if c.LastExit.Kind == sup.ExitAbnormal || isAtRest(c) && c.LastExit.Kind != sup.ExitNone {
		facts = append(facts, "last exit "+termtext.Line(c.LastExit.String()))
	}
	return facts
}

// printRows prints rows as aligned columns.
func printRows(w io.Writer, rows []row) error {
	var widest, widestState int
	for _, r := range rows {
		widest = max(widest, lipgloss.Width(r.name))
		widestState = max(widestState, lipgloss.Width(r.state))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s%s  %s%s  %s\n",
			r.name, strings.Repeat(" ", widest-lipgloss.Width(r.name)),
			r.style.Render(r.state), strings.Repeat(" ", widestState-lipgloss.Width(r.state)),
			strings.Join(r.rest, ", "))
	}
	_, err := lipgloss.Fprint(w, b.String())
	return err
}
