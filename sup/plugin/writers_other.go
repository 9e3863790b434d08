//go:build !unix

package plugin

// checkWriters knows no rights here.
func checkWriters(string) error { return nil }
