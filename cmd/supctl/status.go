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

// errDegraded is returned when status --check finds a problem.
var errDegraded = errors.New("degraded")

func (s *session) statusCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:               "status [PATH]",
		Short:             "Summarize the supervisor at PATH, or show the child at PATH",
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
	cmd.Flags().BoolVar(&check, "check", false, "exit with 8 unless every child is running, or was stopped without a failure")
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

// isHealthy reports whether a child needs no attention.
func isHealthy(c sup.ChildInfo) bool {
	switch c.State {
	case sup.StateRunning, sup.StateStarting, sup.StateIdle:
		return true
	case sup.StateStopped:
		return c.LastExit.Kind != sup.ExitAbnormal
	}
	return false
}

// checkTree returns errDegraded if the supervisor or a descendant needs attention.
func (s *session) checkTree(ctx context.Context, c sup.Inspector, path string) error {
	tree, err := c.Snapshot(ctx, path)
	if err != nil {
		return err
	}
	var problems []string
	if !tree.Running {
		problems = append(problems, tree.Path+" is not running")
	}
	var visit func(t sup.SupervisorInfo)
	visit = func(t sup.SupervisorInfo) {
		for _, c := range t.Children {
			if !isHealthy(c) {
				problems = append(problems, fmt.Sprintf("%s is %v", sup.ChildPath(t.Path, c.ID), c.State))
			}
			if c.Supervisor != nil {
				visit(*c.Supervisor)
			}
		}
	}
	visit(tree)
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errDegraded, strings.Join(problems, ", "))
}

func printStatus(w io.Writer, s sup.SupervisorInfo) error {
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
	switch s.AutoShutdown {
	case sup.AutoShutdownAnySignificant:
		facts = append(facts, [2]string{"ends with", "the first significant child"})
	case sup.AutoShutdownAllSignificant:
		facts = append(facts, [2]string{"ends with", "the last significant child"})
	}
	if len(s.Below) > 0 {
		facts = append(facts, [2]string{"below them", stateSummary(s.Below)})
	}
	events := fmt.Sprint(s.Seq)
	if s.LastEvent > 0 && s.LastEvent != s.Seq {
		events += fmt.Sprintf(" in the tree, the last here is number %d", s.LastEvent)
	}
	return printFacts(w, append(facts, [2]string{"events", events}))
}

// stateSummary returns the number of children, in total and in each state.
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

// childCount is the number of children of a supervisor, given its status.
func childCount(status sup.SupervisorInfo) (n int) {
	for _, in := range status.States {
		n += in
	}
	return n
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
		facts = append(facts, [2]string{"last exit", indented(termtext.Text(c.LastExit.String()))})
	}
	if panicked, ok := errors.AsType[*sup.PanicError](c.LastExit.Err); ok && panicked.Stack != "" {
		facts = append(facts, [2]string{"panicked at", "\n" + termtext.Text(panicked.Stack)})
	}
	if c.Stack != "" {
		facts = append(facts, [2]string{"stuck at", "\n" + termtext.Text(c.Stack)})
	}
	return printFacts(w, facts)
}

// factColumn is the width of the column of names.
const factColumn = 12

// indented aligns the lines of a text with the column of values, since joined errors
// have a line each.
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
