//go:build !linux

package proc

// notifySocket is empty. Only on Linux does a datagram carry the id of its sender.
type notifySocket struct{}

func listenNotify(func(string)) (*notifySocket, error) { return nil, nil }

func (*notifySocket) environ(env []string) []string { return env }
func (*notifySocket) serve(*Process)                {}
func (*notifySocket) finish()                       {}
func (*notifySocket) remove()                       {}
