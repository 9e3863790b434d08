package sup

// closeMade closes a channel that a waiter may have created, and returns nil.
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

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
