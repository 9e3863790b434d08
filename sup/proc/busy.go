package proc

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// busyTime is how long a start waits for a program that is open for writing.
const busyTime = 200 * time.Millisecond

// retryBusy calls start until its error is another one than ETXTBSY, for up to
// busyTime.
//
// A program that was just written and closed may still be open for writing: when
// another goroutine forks in between, its child has the descriptor until it
// executes its own program (golang/go#22315). No lock helps against it, because
// the other fork need not be one of this package.
func retryBusy(ctx context.Context, start func() error) error {
	deadline := time.Now().Add(busyTime)
	for pause := time.Millisecond; ; pause = min(2*pause, busyTime/8) {
		err := start()
		if !errors.Is(err, syscall.ETXTBSY) || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// startProgram starts a process, and returns what it has started: a copy of cmd,
// because an exec.Cmd can be tried only once.
func (c Command) startProgram(ctx context.Context, cmd *exec.Cmd) (tried *exec.Cmd, err error) {
	err = retryBusy(ctx, func() (err error) {
		tried, err = c.tryStart(ctx, cmd)
		return err
	})
	return tried, err
}

// tryStart tries once, on the starter's thread.
func (c Command) tryStart(ctx context.Context, cmd *exec.Cmd) (*exec.Cmd, error) {
	tried := &exec.Cmd{
		Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Err: cmd.Err,
		Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr,
		ExtraFiles: cmd.ExtraFiles, SysProcAttr: cmd.SysProcAttr,
	}
	startBegins()
	err := c.startOnThread(ctx, func() error { return startLimited(tried, c) })
	if err != nil {
		startEnds(nil)
		return tried, err
	}
	startEnds(tried.Process)
	return tried, nil
}
