package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

func (s *session) childrenCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "children [PATH]",
		Short:             "List the children of the supervisor at PATH",
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(isSupervisor),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.dial()
			if err != nil {
				return err
			}
			children, err := c.Children(cmd.Context(), pathArgument(cmd.Context(), c, args))
			if err != nil {
				return err
			}
			if s.output == "json" {
				return printJSON(cmd.OutOrStdout(), children)
			}
			rows := make([]row, len(children))
			for i, c := range children {
				rows[i] = row{displayID(c.ID), c.State.String(), childFacts(c), stateStyle(c.State)}
			}
			return printRows(cmd.OutOrStdout(), rows)
		},
	}
}

// errDegraded: something is not as it should be.
var errDegraded = errors.New("degraded")

func (s *session) statusCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:               "status [PATH]",
		Short:             "Sum up the supervisor at PATH, or tell all about the child there",
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(anyChild),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.dial()
			if err != nil {
				return err
			}
			path := pathArgument(cmd.Context(), c, args)
			status, err := c.Status(cmd.Context(), path)
			if errors.Is(err, sup.ErrNoSupervisor) || path != "" && errors.Is(err, sup.ErrNotRunning) {
				return s.childStatus(cmd, c, path, check)
			}
			if err != nil {
				return err
			}
			if s.output == "json" {
				err = printJSON(cmd.OutOrStdout(), status)
			} else {
				err = printStatus(cmd.OutOrStdout(), status)
			}
			if err != nil || !check {
				return err
			}
			return s.checkTree(cmd.Context(), c, path)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "exit with 8 unless all there is running, or at rest because it has ended well or an operator has stopped it")
	return cmd
}

func (s *session) childStatus(cmd *cobra.Command, c sup.Inspector, path string, check bool) error {
	child, err := c.Child(cmd.Context(), path)
	if err != nil {
		return err
	}
	if s.output == "json" {
		err = printJSON(cmd.OutOrStdout(), child)
	} else {
		err = printChild(cmd.OutOrStdout(), path, child)
	}
	if err == nil && check && !isHealthy(child) {
		return fmt.Errorf("%w: %s is %v", errDegraded, path, child.State)
	}
	return err
}

// sound reports whether a child is as it should be.
func isHealthy(c sup.ChildInfo) bool {
	switch c.State {
	case sup.StateRunning, sup.StateStarting, sup.StateIdle:
		return true
	case sup.StateStopped:
		return c.LastExit.Kind != sup.ExitAbnormal
	}
	return false
}

// check finds what is not as it should be.
func (s *session) checkTree(ctx context.Context, c sup.Inspector, path string) error {
	tree, err := c.Snapshot(ctx, path)
	if err != nil {
		return err
	}
	var wrong []string
	if !tree.Running {
		wrong = append(wrong, tree.Path+" is not running")
	}
	var look func(t sup.SupervisorInfo)
	look = func(t sup.SupervisorInfo) {
		for _, c := range t.Children {
			if !isHealthy(c) {
				wrong = append(wrong, fmt.Sprintf("%s is %v", sup.ChildPath(t.Path, c.ID), c.State))
			}
			if c.Supervisor != nil {
				look(*c.Supervisor)
			}
		}
	}
	look(tree)
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errDegraded, strings.Join(wrong, ", "))
}

func printStatus(w io.Writer, s sup.Status) error {
	up := "not running"
	if s.Running {
		up = "running, up " + age(s.Uptime)
	}
	facts := [][2]string{
		{"path", termtext.Path(s.Path)},
		{"state", up},
		{"strategy", s.Strategy.String()},
		{"restarts", usageText(s.Restarts, s.Intensity)},
		{"children", stateSummary(s.States)},
	}
	if s.Set != sup.SetNone {
		facts[2] = [2]string{"set", setText(s.Set, s.Max)}
	}
	if len(s.Below) > 0 {
		facts = append(facts, [2]string{"below them", stateSummary(s.Below)})
	}
	return printFacts(w, append(facts, [2]string{"events", fmt.Sprint(s.Seq)}))
}

// summed tells how many children there are, and in which states.
func stateSummary(states map[sup.State]int) string {
	total := 0
	for _, n := range states {
		total += n
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(stateCounts(states), ", "))
}

func printChild(w io.Writer, path string, c sup.ChildInfo) error {
	facts := [][2]string{
		{"path", termtext.Path(path)},
		{"kind", c.Kind.String()},
		{"state", stateStyle(c.State).Render(c.State.String()) + ", for " + since(c.Since)},
		{"restart", c.Restart.String()},
		{"incarnation", fmt.Sprint(c.Incarnation)},
		{"restarts", fmt.Sprint(c.Restarts)},
	}
	if b := c.Policy.Budget; b != (sup.Intensity{}) {
		facts = append(facts, [2]string{"budget", usageText(c.BudgetUsed, b)})
	}
	if b := c.Policy.Backoff; b.Min > 0 {
		facts = append(facts, [2]string{"backoff", short(b.Min) + ".." + short(b.Max)})
	}
	if c.Significant {
		facts = append(facts, [2]string{"significant", "yes"})
	}
	if c.LastExit.Kind != sup.ExitNone {
		facts = append(facts, [2]string{"last exit", indented(termtext.Text(exitText(c.LastExit)))})
	}
	if panicked, ok := errors.AsType[*sup.PanicError](c.LastExit.Err); ok && panicked.Stack != "" {
		facts = append(facts, [2]string{"panicked at", "\n" + termtext.Text(panicked.Stack)})
	}
	if c.Stack != "" {
		facts = append(facts, [2]string{"stuck at", "\n" + termtext.Text(c.Stack)})
	}
	return printFacts(w, facts)
}

// factColumn is how wide the names of facts are.
const factColumn = 12

// indented puts the lines of a text below each other, in the column of facts:
// errors that were joined have a line each.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", factColumn))
}

func printFacts(w io.Writer, facts [][2]string) error {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "%-*s%s\n", factColumn, f[0], f[1])
	}
	_, err := lipgloss.Fprint(w, b.String())
	return err
}

func (s *session) stacksCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stacks PATH",
		Short:             "Print the stacks of the goroutines of the child at PATH",
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
				_, err = fmt.Fprintln(cmd.ErrOrStderr(), termtext.Path(path), "has no goroutines: it is not running")
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), termtext.Text(stacks))
			return err
		},
	}
}
