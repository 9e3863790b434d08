package proc

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// explain adds to the error of a start what the system leaves out. It reports a
// directory, an interpreter or a loader that is missing as if the program were.
func (c Command) explain(program string, err error) error {
	if c.Dir != "" {
		if stat, statErr := os.Stat(c.Dir); statErr != nil {
			return fmt.Errorf("its directory: %w", statErr)
		} else if !stat.IsDir() {
			return &fs.PathError{Op: "chdir", Path: c.Dir, Err: syscall.ENOTDIR}
		}
	}
	reason := ""
	switch {
	case errors.Is(err, syscall.ETXTBSY):
		reason = "the file is open for writing"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		reason = imageFault(c.Dir, program, errors.Is(err, syscall.ENOEXEC), 0)
	}
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, reason)
}

const (
	maxShebang = 256 // of a first line, as on Linux; other systems take less
	maxNesting = 5   // of interpreters that are scripts themselves, as on Linux
)

// imageFault says why the system cannot execute a file that exists, or returns ""
// if nothing is wrong that can be seen. The path is relative to dir. With format
// set, the system does not know the format.
func imageFault(dir, path string, format bool, depth int) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	// A file that is not regular is not opened: a FIFO would wait for a writer.
	if stat, err := os.Stat(path); err != nil || !stat.Mode().IsRegular() || depth > maxNesting {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	head := make([]byte, maxShebang)
	n, _ := io.ReadFull(file, head)
	head = head[:n]
	switch {
	case n == 0:
		return "the file is empty"
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := bytes.Cut(head, []byte("\n"))
		return shebangFault(dir, string(line), format, depth)
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return elfFault(file, format)
	case format:
		return `not a binary of this system, and no script either: the first line of a script names its interpreter, as in "#!/bin/sh"`
	}
	return ""
}

// shebangFault says what is wrong with the first line of a script.
func shebangFault(dir, line string, format bool, depth int) string {
	interpreter, _, _ := strings.Cut(strings.TrimLeft(line[len("#!"):], " \t"), " ")
	interpreter, _, _ = strings.Cut(interpreter, "\t")
	switch {
	case strings.HasSuffix(line, "\r"):
		return fmt.Sprintf("the shebang line %q ends in CR LF: save the script with LF at the ends of lines", line)
	case interpreter == "":
		return fmt.Sprintf("the shebang line %q names no interpreter: write, say, \"#!/bin/sh\"", line)
	}
	path := interpreter
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	stat, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the interpreter %q of its shebang line does not exist", interpreter)
	case err != nil:
		return fmt.Sprintf("the interpreter %q of its shebang line: %v", interpreter, reasonOf(err))
	case stat.IsDir():
		return fmt.Sprintf("the interpreter %q of its shebang line is a directory", interpreter)
	case stat.Mode()&0o111 == 0:
		return fmt.Sprintf("the interpreter %q of its shebang line is not executable", interpreter)
	}
	if fault := imageFault(dir, interpreter, format, depth+1); fault != "" {
		return fmt.Sprintf("the interpreter %q of its shebang line: %s", interpreter, fault)
	}
	return ""
}

// elfFault says what is wrong with a binary: its loader is missing, or it is one
// for another kind of machine.
func elfFault(file io.ReaderAt, format bool) string {
	image, err := elf.NewFile(file)
	if err != nil {
		return fmt.Sprintf("the binary is damaged: %v", err)
	}
	if format {
		return fmt.Sprintf("a binary for %v does not run on %s", image.Machine, runtime.GOARCH)
	}
	for _, segment := range image.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, min(segment.Filesz, 4096)) // PATH_MAX
		if _, err := segment.ReadAt(name, 0); err != nil {
			return fmt.Sprintf("the binary is damaged: %v", err)
		}
		loader := string(bytes.TrimRight(name, "\x00"))
		if _, err := os.Stat(loader); errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("its dynamic loader %q does not exist: the binary was built for another C library", loader)
		}
	}
	return ""
}

// reasonOf is the error without the name of the file, which the text has already.
func reasonOf(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
