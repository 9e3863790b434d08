package sup

import "context"

func closeMade(c chan struct{}) chan struct{} {
	if c != nil {
		close(c)
	}
	return nil
}

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// given is ctx, or, where a caller has given none, one that never ends.
func given(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
