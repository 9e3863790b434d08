package plugin

import (
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

var denied atomic.Pointer[error]

func init() {
	newNotify = func() (*fsnotify.Watcher, error) {
		if why := denied.Load(); why != nil {
			return nil, *why
		}
		return fsnotify.NewWatcher()
	}
}

// WithoutNotifications lets no directory have notifications, for a reason, until
// the function that it returns is called.
func WithoutNotifications(why error) (restore func()) {
	denied.Store(&why)
	return func() { denied.Store(nil) }
}
