package gen

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSource is the most that is read of one file, in bytes. Go files with data in
// them, which are the largest, stay far below it.
const maxSource = 64 << 20

// isRegular reports whether a path leads to a regular file, through links or not. As
// the go command does, supgen passes by all else that is called like a source file.
// It asks before it opens the file: to open a named pipe would block.
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
	// The size is no guide: files of /proc have none, and another process may write.
	src, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxSource {
		return nil, fmt.Errorf("%s: more than %d MiB, the most that is read of a file: move the data in it to another package", path, maxSource>>20)
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

// kindOf names what a file is that is not a regular one.
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
		return "a link that leads nowhere"
	}
	return "a special file"
}
