package plugin

import (
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

var denied atomic.Pointer[error]

func init() {
	newFSWatcher = func() (*fsnotify.Watcher, error) {
		if err := denied.Load(); err != nil {
			return nil, *err
		}
		return fsnotify.NewWatcher()
	}
}

// WithoutNotifications makes requests for notifications fail with an error until restore
// is called.
func WithoutNotifications(err error) (restore func()) {
	denied.Store(&err)
	return func() { denied.Store(nil) }
}
