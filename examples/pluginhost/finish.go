package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/espalier-go/espalier/internal/progress"
)

var errIncomplete = errors.New("host shut down before all files were converted")

// runHost runs the host until all files are converted, and prints a summary. A host that
// stays up then runs until ctx ends, or until it is shut down from outside.
func (s *service) runHost(ctx context.Context, compare bool, out io.Writer) error {
	if !s.stay {
		return s.finish(ctx, s.host.Run(ctx), compare, out)
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.host.Run(running) }()
	for _, step := range []<-chan struct{}{s.converted, s.drawn} {
		select {
		case <-step:
		case err := <-ended:
			return s.finish(ctx, err, compare, out)
		}
	}
	if err := s.finish(ctx, nil, compare, out); err != nil {
		cancel()
		<-ended // it was cancelled
		return err
	}
	fmt.Fprintln(s.screen.out, "\ndone; page and control socket stay up until Ctrl-C")
	for _, line := range s.ways() {
		fmt.Fprintln(s.screen.out, line)
	}
	err := <-ended
	if ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())) {
		return nil // an interrupt is the usual end
	}
	return err
}

// finish prints a summary and, if compare is true, verifies the results. err is the error
// of the host.
func (s *service) finish(ctx context.Context, err error, compare bool, out io.Writer) error {
	err = cmp.Or(err, context.Cause(ctx))
	if s.host.Results.Len() == 0 && err != nil {
		return err
	}
	s.summarize(out, s.status())
	if err == nil && s.host.Results.Len() < s.host.Found.Len() {
		err = errIncomplete
	}
	if err != nil || !compare {
		return err
	}
	results := s.host.Results.Snapshot()
	status := func() string { return fmt.Sprintf("verifying: converting %d files without plugins", len(results)) }
	var n int
	if err := progress.New(s.screen.out).While(status, func() (err error) {
		n, err = verify(ctx, s.source, results)
		return err
	}); err != nil {
		return err
	}
	if n := s.duplicates.Load(); n > 0 {
		return fmt.Errorf("%w: %d files converted twice", errDiffers, n)
	}
	fmt.Fprintf(out, "verified: %d files, each with one result, equal to that of a loop without plugins\n", n)
	return nil
}

// ways returns the ways to look at the host from outside, a line each.
func (s *service) ways() []string {
	var lines []string
	if url := s.pageURL.Load(); url != nil {
		lines = append(lines, "page:   "+*url)
	}
	if s.control != "" {
		lines = append(lines, "supctl: go run ./cmd/supctl -a "+s.control+" tree")
	}
	return lines
}

// legend explains the words of the view, in lines of at most 80 columns.
func (s *service) legend() []string {
	operator := "operator restarts plugins that are quarantined."
	if s.plan != nil {
		operator = "chaos harms plugins on purpose; operator restarts those that are quarantined."
	}
	return []string{operator, "archive is fragile on purpose. A refused file is bad, or ends its plugin."}
}
