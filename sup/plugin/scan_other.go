//go:build !unix

package plugin

import "io/fs"

// fileID is nothing: size and time have to do.
func fileID(fs.FileInfo) any { return nil }
