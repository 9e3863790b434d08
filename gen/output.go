package gen

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// An Output is what a generated file should be, and is now.
type Output struct {
	Path   string
	Old    []byte // nil if there is none
	New    []byte
	Remove bool // there are no trees any more
}

// Stale reports whether the file has to be written, or removed. One that was
// checked out with the line ends of Windows is as it should be.
func (o Output) Stale() bool { return o.Remove || !bytes.Equal(unixLines(o.Old), o.New) }

// unixLines makes the line ends of a text those of the output.
func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// Write makes the file what it should be. It writes only what changes, and
// through a temporary file, so that no reader sees half of it. A link stays one: the
// file that it leads to is written.
func (o Output) Write() error {
	if !o.Stale() {
		return nil
	}
	if o.Remove {
		if err := os.Remove(o.Path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	mode := fs.FileMode(0o644)
	path := o.Path
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".sup_gen-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(o.New)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
	return err
}
