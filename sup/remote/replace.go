package remote

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/espalier-go/espalier/sup"
)

var errTemporary = fmt.Errorf("it is temporary, and once it is stopped it is not declared any more: %w", sup.ErrRunning)

// replace stops a child, if it is up, and starts it again. Once it was told to
// stop, the server sees to its start, whether the caller waits for it or not: a
// child is not to stay down because a connection was lost.
func (h *handler) replace(ctx context.Context, t sup.Target) error {
	if h.isSelfOrAncestor(t.Path) {
		return &sup.CallError{Op: "restart", Path: t.Path, Err: ErrSelf}
	}
	err := h.controller.RestartChild(ctx, t) // which is all, if it is at rest
	if errors.Is(err, sup.ErrStart) || !errors.Is(err, sup.ErrRunning) && !errors.Is(err, sup.ErrRestarting) {
		return err
	}
	child, err := h.controller.Child(ctx, t.Path)
	if err != nil {
		return err
	}
	if child.Restart == sup.Temporary {
		return &sup.CallError{Op: "restart", Path: t.Path, Err: errTemporary}
	}
	if _, already := h.replaced.LoadOrStore(t.Path, true); already {
		return &sup.CallError{Op: "restart", Path: t.Path, Err: sup.ErrRestarting}
	}
	done := make(chan error, 1)
	var told atomic.Bool // the caller is, by whoever sets it
	h.replacements.Go(func() {
		defer h.replaced.Delete(t.Path)
		err := h.finishReplace(t)
		if told.CompareAndSwap(false, true) {
			done <- err
			return
		}
		h.reportOutcome(ctx, err)
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if !told.CompareAndSwap(false, true) {
			return <-done
		}
		return &sup.CallError{Op: "restart", Path: t.Path, Err: fmt.Errorf("the server goes on with it: %w", context.Cause(ctx))}
	}
}

// seeThrough replaces a child that is up. It takes as long as a call may, or
// until the server ends.
func (h *handler) finishReplace(t sup.Target) error {
	ctx, cancel := context.WithTimeout(h.serving, h.settings.CallTimeout)
	defer cancel()
	if err := h.controller.TerminateChild(ctx, t); err != nil {
		return err
	}
	return h.controller.RestartChild(ctx, t)
}

// reportLate logs what became of a call that has returned before.
func (h *handler) reportOutcome(ctx context.Context, err error) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		late := *c
		late.outcome = true
		h.report(ctx, Operator, &late, encodeError(ctx, err))
	}
}
