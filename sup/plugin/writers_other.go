//go:build !unix

package plugin

// checkWriters accepts every path, because the modes of files say nothing here.
func checkWriters(string) error { return nil }
