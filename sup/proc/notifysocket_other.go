//go:build !linux

package proc

// notifySocket is what only Linux has: elsewhere, a datagram does not say who has
// sent it.
type notifySocket struct{}

func listenNotify(func(string)) (*notifySocket, error) { return nil, nil }

func (*notifySocket) environ(env []string) []string { return env }
func (*notifySocket) serve(*Process)                {}
func (*notifySocket) finish()                       {}
func (*notifySocket) remove()                       {}
