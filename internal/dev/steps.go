package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

// runSteps runs targets of the Makefile, as many at once as there are CPUs. It prints the
// time of each, and the output of those that fail. All of them run even if one fails.
func runSteps(ctx context.Context, log *progress.Log, targets []string) error {
	if len(targets) == 0 {
		return errors.New(usage)
	}
	begin := time.Now()
	steps := &steps{left: len(targets)}
	var failed []string
	err := log.While(steps.status, func() error {
		var all sync.WaitGroup
		free := make(chan struct{}, runtime.GOMAXPROCS(0))
		failures := make([]bool, len(targets))
		for i, target := range targets {
			free <- struct{}{}
			all.Go(func() {
				defer func() { <-free }()
				failures[i] = runStep(ctx, log, steps, target) != nil
			})
		}
		all.Wait()
		for i, target := range targets {
			if failures[i] {
				failed = append(failed, target)
			}
		}
		return context.Cause(ctx)
	})
	took := progress.Elapsed(time.Since(begin))
	if err == nil && len(failed) > 0 {
		log.Printf("FAILED: %s, in %s", strings.Join(failed, ", "), took)
		return errReported
	}
	if err == nil {
		log.Printf("all done in %s", took)
	}
	return err
}

func runStep(ctx context.Context, log *progress.Log, steps *steps, target string) error {
	begin := steps.start(target)
	defer steps.end(target)
	var out bytes.Buffer
	cmd := progress.Command(ctx, cmp.Or(os.Getenv("MAKE"), "make"), "--no-print-directory", target)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	took := progress.Elapsed(time.Since(begin))
	if err != nil {
		log.Printf("%s\n%s: %v, %s", strings.TrimRight(out.String(), "\n"), target, err, took)
		return err
	}
	log.Printf("%s: ok, %s", target, took)
	return nil
}

// steps are the steps that are running. Its methods are safe for concurrent use.
type steps struct {
	mu      sync.Mutex
	left    int // that have not ended
	running []step
}

type step struct {
	target string
	begin  time.Time
}

func (s *steps) start(target string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.running = append(s.running, step{target, now})
	return now
}

func (s *steps) end(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	s.running = slices.DeleteFunc(s.running, func(r step) bool { return r.target == target })
}

// status returns what is running, as one line.
func (s *steps) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var now []string
	for _, r := range s.running {
		now = append(now, r.target+" "+progress.Elapsed(time.Since(r.begin)))
	}
	return fmt.Sprintf("%d left; running: %s", s.left, strings.Join(now, ", "))
}
