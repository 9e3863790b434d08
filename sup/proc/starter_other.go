//go:build !linux

package proc

import (
	"context"
	"errors"
	"fmt"
)

// plainStarter starts all processes.
var plainStarter starter

func onMainThread() bool { return false }

func (c Command) startOnThread(ctx context.Context, start func() error) error {
	if c.Umask != nil {
		return inField("Umask", fmt.Errorf("this system has none for one thread alone: %w", errors.ErrUnsupported))
	}
	if c.Nice != 0 {
		return inField("Nice", fmt.Errorf("this system has none for one thread alone: %w", errors.ErrUnsupported))
	}
	return plainStarter.startOnThread(ctx, start)
}
