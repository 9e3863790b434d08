package gen

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// An Output is a generated file, with its present and its new content.
type Output struct {
	Path   string // with the directory of the package
	Old    []byte // nil if the file does not exist
	New    []byte // nil if Remove is set
	Remove bool   // set if the package has no trees left
	// Directive is set if a line for go generate in the package runs supgen.
	Directive bool
}

// Stale reports whether the file has to be written or removed. Windows line endings
// do not make it stale.
func (o Output) Stale() bool { return o.Remove || !bytes.Equal(unixLines(o.Old), o.New) }

// unixLines returns a text with Unix line endings.
func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// Write writes or removes the file if it is stale. It renames a temporary file, so that
// readers see the old or the new content. If Path is a link, it writes the file that
// the link points to.
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
