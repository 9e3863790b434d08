package gen

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSource is the largest size of a source file, in bytes. Even Go files with embedded
// data are far smaller.
const maxSource = 64 << 20

// isRegular reports whether a path is a regular file or a link to one. Like the go
// command, supgen ignores other files with the name of a source file. isRegular does
// not open the file, because opening a named pipe would block.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readFile reads a regular file of at most maxSource bytes.
func readFile(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The size from Stat is not reliable: files in /proc have none, and another process
	// may append.
	src, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxSource {
		return nil, fmt.Errorf("%s: larger than the limit of %d MiB: move the data to another package", path, maxSource>>20)
	}
	return src, nil
}

func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %s, not a regular file", path, kindOf(info.Mode()))
	}
	return os.Open(path)
}

// kindOf describes a file that is not regular.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSymlink != 0:
		return "a broken link"
	}
	return "a special file"
}
