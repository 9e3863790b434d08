package remote

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/espalier-go/espalier/sup"
)

var errTemporary = fmt.Errorf("temporary child, deleted once it is stopped: %w", sup.ErrRunning)

// replace stops a child if it is running, and starts it again. Once the child was
// asked to stop, the server starts it again whether or not the caller still waits,
// so that a lost connection does not leave a child stopped.
func (h *handler) replace(ctx context.Context, t sup.Target) error {
	if h.isSelfOrAncestor(t.Path) {
		return &sup.CallError{Op: "restart", Path: t.Path, Err: ErrSelf}
	}
	err := h.controller.RestartChild(ctx, t) // suffices for a child that is stopped
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
	var decided atomic.Bool // set by the side that decides whether the caller gets the result
	h.replacements.Go(func() {
		defer h.replaced.Delete(t.Path)
		err := h.finishReplace(t)
		if decided.CompareAndSwap(false, true) {
			done <- err
			return
		}
		h.reportOutcome(ctx, err)
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if !decided.CompareAndSwap(false, true) {
			return <-done
		}
		return &sup.CallError{Op: "restart", Path: t.Path, Err: fmt.Errorf("continued by the server: %w", context.Cause(ctx))}
	}
}

// finishReplace replaces a running child. It ends with the server, or after
// CallTimeout.
func (h *handler) finishReplace(t sup.Target) error {
	ctx, cancel := context.WithTimeout(h.serving, h.settings.CallTimeout)
	defer cancel()
	if err := h.controller.TerminateChild(ctx, t); err != nil {
		return err
	}
	return h.controller.RestartChild(ctx, t)
}

// reportOutcome logs the result of a call that returned before it was known.
func (h *handler) reportOutcome(ctx context.Context, err error) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		later := *c
		later.outcome = true
		h.report(ctx, Operator, &later, encodeError(ctx, err))
	}
}
