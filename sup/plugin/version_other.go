//go:build !unix

package plugin

import (
	"io/fs"
	"time"
)

// identity is nothing: size, time and content have to do.
func identity(fs.FileInfo) (id any, status time.Time) { return nil, time.Time{} }
