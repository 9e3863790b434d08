//go:build !linux

package proc

import (
	"context"
	"os"
)

// mark does nothing: only Linux shows the environment of a process.
func (p *Process) mark() {}

func (p *Process) leftOf() []int { return nil }

// ReapOrphans waits for ctx, and returns its cause. Only Linux has a need for it.
func ReapOrphans(ctx context.Context) error {
	ctx = given(ctx)
	<-ctx.Done()
	return context.Cause(ctx)
}

func startBegins() {}

func startEnds(*os.Process) {}
