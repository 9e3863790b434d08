package progress

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"time"
)

// Command returns a command that is interrupted when ctx ends, so that it can end its own
// processes, and killed a little later.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Go returns the name or path of the go command: $GO, which the Makefile sets, or "go".
func Go() string { return cmp.Or(os.Getenv("GO"), "go") }
